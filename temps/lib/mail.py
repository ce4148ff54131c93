"""Sending mail, in plain text, through the server of the settings."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.core.mail import EmailMessage

from temps.lib.errors import Unavailable

log = structlog.get_logger(__name__)


def available() -> bool:
    return bool(settings.EMAIL_HOST)


def require_server() -> None:
    """Raises :class:`Unavailable` when there is no server."""
    if not available():
        raise Unavailable("no mail server is set: see EMAIL_HOST in docs/operations.md")


def send(subject: str, body: str, to: Sequence[str]) -> None:
    """Hand one message to the mail server. Takes as long as the server does, at most ``EMAIL_TIMEOUT`` a step.

    ``subject`` is cut to one line. Raises :class:`Unavailable` when there is no server or it does not take the message;
    what the server said is logged and not passed on, for it may hold an account name.
    """
    require_server()
    # No vacation notices in return (RFC 3834).
    headers = {"Auto-Submitted": "auto-generated"}
    message = EmailMessage(" ".join(subject.split())[:200], body, to=list(to), headers=headers)
    try:
        message.send()
    except (smtplib.SMTPException, OSError, UnicodeError) as error:  # the last for what the server cannot take
        log.error("mail.not_sent", error=type(error).__name__)
        raise Unavailable("the mail server did not take the message") from None
