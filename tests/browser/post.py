"""What the worker and the mail server do between two pages."""

from __future__ import annotations

from django.core import mail as django_mail

from accounts.links.models import EmailLink
from accounts.links.sending import send_link
from temps.lib.actor import Actor
from tests.accounts.links.conftest import LINK


def mailed(base: str, to: str = "") -> str:
    """Mail the links that wait; the newest one, or the newest one to this address, under ``base``."""
    for link in EmailLink.objects.filter(sent_at=None):
        send_link(link.public_id, actor=Actor.system("accounts.links"))
    messages = [message for message in django_mail.outbox if not to or message.to == [to]]
    found = LINK.search(str(messages[-1].body))
    assert found
    return base + found[1]
