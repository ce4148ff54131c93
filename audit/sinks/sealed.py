"""The two secrets of a webhook: its address, whose path or query may hold a token, and what signs its messages."""

from __future__ import annotations

from audit.sinks.models import Sink
from secrets_vault.sealing import open_sealed, seal


def seal_webhook(sink: Sink, url: str, secret: str) -> None:
    """Seal both for the revision that ``sink`` has now."""
    sink.sealed_url = seal(url, project_pk=None, context=sink.context("url"))
    sink.sealed_secret = seal(secret, project_pk=None, context=sink.context("secret"))


def open_webhook(sink: Sink) -> tuple[str, str]:
    """Address and secret.

    Raises :class:`~temps.lib.errors.SealError` and :class:`~temps.lib.errors.KeyUnavailable`.
    """
    url = open_sealed(sink.sealed_url or b"", project_pk=None, context=sink.context("url"))
    secret = open_sealed(sink.sealed_secret or b"", project_pk=None, context=sink.context("secret"))
    return url.decode(), secret.decode()
