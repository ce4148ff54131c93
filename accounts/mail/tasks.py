from __future__ import annotations

import json

import structlog
from celery import shared_task

from accounts.mail.texts import Text, compose
from temps.lib import mail
from temps.lib.errors import Unavailable

log = structlog.get_logger(__name__)


@shared_task(name="mail.tell")
def tell(to: str, text: str, details: str) -> None:
    if not mail.available():
        return
    try:
        mail.send(*compose(Text(text), json.loads(details)), [to])
    except Unavailable:
        log.error("mail.not_told", text=text)
