"""Custody of the keys: the one room that seals what the database holds, and opens it again.

Every sealed column of the system goes through :func:`seal` and :func:`open_sealed` with the project it belongs to
(None for the platform) and a *context* from :func:`column` that says which row, field and version it is. A value that
is moved to another row, or an older one that is put back, does not open.
"""

from __future__ import annotations

from secrets_vault.sealing.custody import (
    authenticate,
    column,
    is_authentic,
    keyring_status,
    needed_fingerprints,
    open_sealed,
    seal,
    verify_keyring,
)

__all__ = [
    "authenticate",
    "column",
    "is_authentic",
    "keyring_status",
    "needed_fingerprints",
    "open_sealed",
    "seal",
    "verify_keyring",
]
