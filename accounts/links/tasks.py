from __future__ import annotations

from celery import shared_task

from accounts.links.housekeeping import clear_expired
from accounts.links.sending import continue_links, send_link
from temps.lib.actor import Actor


@shared_task(name="links.send")
def send(public_id: str) -> None:
    send_link(public_id, actor=Actor.system("accounts.links"))


@shared_task(name="links.continue")
def continue_unsent() -> None:
    continue_links()
    clear_expired()
