"""How it goes with the mail server: whether it took the last message, and if not, why. For people to see; nothing is
decided by it."""

from __future__ import annotations

import structlog
from django.db import DatabaseError, transaction

from accounts.mail.models import MailServer
from temps.lib import clock

log = structlog.get_logger(__name__)


def note_failure(server: MailServer, reason: str) -> None:
    """Keep that ``server`` did not take a message, and why: in words of ours, since people read them."""
    _note(server, failed_at=clock.now(), last_error=reason[:200])


def note_success(server: MailServer) -> None:
    """What failed before is over."""
    if server.failed_at is not None:
        _note(server, failed_at=None, last_error="")


def trouble() -> str:
    """In one clause why the last message did not go out; empty while it does. Of the environment's server nothing is
    kept: what waits for it says why."""
    server = MailServer.objects.first()
    if server is None or server.failed_at is None:
        return ""
    return f"the mail server did not take a message on {server.failed_at:%Y-%m-%d at %H:%M} UTC: {server.last_error}"


def _note(server: MailServer, **values: object) -> None:
    """Of these settings alone: what is set anew meanwhile has not failed. A message that was taken stays taken, also
    where the database does not take the note."""
    try:
        with transaction.atomic():
            MailServer.objects.filter(pk=server.pk, updated_at=server.updated_at).update(**values)
    except DatabaseError as error:
        log.error("mail.condition_not_kept", error=type(error).__name__)
