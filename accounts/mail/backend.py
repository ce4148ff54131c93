"""Django's mail backend: through the server that is set in Temps, else the one of the environment, else a refusal."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence

import structlog
from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from accounts.mail.condition import note_failure, note_success
from accounts.mail.models import MailServer
from accounts.mail.providers import SMTP_BACKEND, connection_of
from secrets_vault.sealing import open_sealed
from temps.lib import mail
from temps.lib.errors import Unavailable

log = structlog.get_logger(__name__)

REASONS: dict[type[Exception], str] = {
    smtplib.SMTPAuthenticationError: "it refused the credentials",
    smtplib.SMTPRecipientsRefused: "it refused the recipient",
    smtplib.SMTPSenderRefused: "it refused the sender",
    smtplib.SMTPNotSupportedError: "it offers no TLS, or no sign-in",
    smtplib.SMTPServerDisconnected: "it ended the connection",
    smtplib.SMTPException: "it refused",  # an OSError too
    ssl.SSLError: "no trusted TLS connection could be made",
    TimeoutError: "it did not answer in time",
    OSError: "it cannot be reached",
}
"""The first that fits."""


class MailServerBackend(BaseEmailBackend):
    """What a server or provider said is not passed on: it may repeat a key, or name an account."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        server = MailServer.objects.first()
        if server is None and not settings.EMAIL_HOST:
            raise Unavailable(mail.NO_SERVER)
        try:
            if server is None:
                return int(get_connection(SMTP_BACKEND).send_messages(email_messages) or 0)
            return self._send_through(server, email_messages)
        except (AnymailError, smtplib.SMTPException, OSError, UnicodeError) as error:
            reason = _reason(error)
            if server is not None and not isinstance(error, smtplib.SMTPRecipientsRefused):  # which says nothing of it
                note_failure(server, reason)
            log.error("mail.not_sent", error=type(error).__name__, reason=reason)
            raise Unavailable(f"the mail server did not take the message: {reason}") from None

    def _send_through(self, server: MailServer, messages: Sequence[EmailMessage]) -> int:
        sealed = server.sealed_secret
        secret = "" if sealed is None else open_sealed(sealed, project_pk=None, context=server.context).decode()
        for message in messages:
            message.from_email = server.from_email
        connection = connection_of(server, secret)
        try:
            taken = int(connection.send_messages(messages) or 0)
        finally:
            connection.close()
        note_success(server)
        return taken


def _reason(error: Exception) -> str:
    """What went wrong, in words of our own."""
    status = getattr(error, "status_code", None)
    if status in (401, 403):
        return REASONS[smtplib.SMTPAuthenticationError]
    if isinstance(status, int):
        return f"it answered with the status {status}"
    return next((reason for kind, reason in REASONS.items() if isinstance(error, kind)), "it refused")
