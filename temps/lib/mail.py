"""Sending mail, in plain text, through the server that is set in Temps or by the environment.

Which server that is, Django's mail backend decides (``accounts.mail.backend``); the kernel only asks whether there is
one.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence

import structlog
from django.conf import settings
from django.core.mail import EmailMessage

from temps.lib.errors import Unavailable

log = structlog.get_logger(__name__)
NO_SERVER = "no mail server is set: temps mail set, or the console under Mail, sets one"

_others: list[Callable[[], bool]] = []


def also_available(is_set: Callable[[], bool]) -> None:
    """Have :func:`available` ask ``is_set`` too: a room above keeps servers that the environment does not know of."""
    _others.append(is_set)


def available() -> bool:
    return bool(settings.EMAIL_HOST) or any(is_set() for is_set in _others)


def require_server() -> None:
    """Raises :class:`Unavailable` when there is no server."""
    if not available():
        raise Unavailable(NO_SERVER)


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
