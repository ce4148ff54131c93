"""The client secret of a provider: sealed when it is given, opened when a code is exchanged, and shown to nobody."""

from __future__ import annotations

from accounts.providers.models import IdentityProvider
from secrets_vault.sealing import open_sealed, seal


def seal_client_secret(provider: IdentityProvider, secret: str) -> None:
    """Seal ``secret`` for the revision that ``provider`` has now."""
    provider.sealed_secret = seal(secret, project_pk=None, context=provider.context())


def open_client_secret(provider: IdentityProvider) -> str:
    """Raises :class:`~temps.lib.errors.SealError` and :class:`~temps.lib.errors.KeyUnavailable`."""
    return open_sealed(provider.sealed_secret, project_pk=None, context=provider.context()).decode()
