"""Data keys: found, opened with the keyring, kept for the life of the process, made when a project needs its first."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import transaction

from secrets_vault.sealing.models import DataKey
from temps.lib import crypto
from temps.lib.crypto import Key, Keyring
from temps.lib.errors import KeyUnavailable, SealError


def column(model: str, public_id: str, field: str, version: int = 1, *place: str) -> bytes:
    """The identity of one sealed value: the model's label, the row's public id, the field and the row's version.

    ``place`` adds columns of the row that decide who may open it: changing them makes the value unreadable.
    """
    return crypto.bind(model.lower(), public_id, field, version, *place)


def seal(plaintext: str | bytes, *, project_pk: int | None, context: bytes) -> bytes:
    """Seal ``plaintext`` with the project's data key (the platform's for None) for the row that ``context`` names."""
    data = plaintext.encode("utf-8") if isinstance(plaintext, str) else plaintext
    key_id, key = _sealing_key(project_pk)
    return crypto.seal(key, key_id, data, context)


def open_sealed(sealed: bytes | memoryview, *, project_pk: int | None, context: bytes) -> bytes:
    """The plaintext of a value sealed for this project and this row.

    Raises :class:`~temps.lib.errors.SealError` when it is not that value, and
    :class:`~temps.lib.errors.KeyUnavailable` when the keyring lacks the key.
    """
    sealed = bytes(sealed)
    row = _data_key(crypto.key_id_of(sealed))
    if row is None or row[0] != project_pk:
        raise SealError("the sealed value does not open")
    return crypto.open_sealed(row[1], sealed, context)


def authenticate(data: bytes, *, purpose: str) -> bytes:
    """A code of 32 bytes for ``data`` that nobody can make who has the database alone.

    Raises :class:`~temps.lib.errors.KeyUnavailable` without a keyring.
    """
    return _keyring().authenticate(data, purpose.encode())


def is_authentic(data: bytes, code: bytes | memoryview, *, purpose: str) -> bool:
    """Whether :func:`authenticate` gave ``code`` for ``data``, with any key that the keyring still holds."""
    return _keyring().is_authentic(data, bytes(code), purpose.encode())


def needed_fingerprints() -> set[str]:
    """The fingerprints of the keys that the database's data was sealed under."""
    return set(DataKey.objects.values_list("keyring_fingerprint", flat=True).distinct().order_by())


def verify_keyring() -> Keyring:
    """The keyring, if it opens everything that the database holds.

    Made on the very first start, when nothing is sealed yet. Raises :class:`KeyUnavailable` naming the fingerprint
    that is needed otherwise: a new key is never put in a lost one's place (S-02).
    """
    needed = needed_fingerprints()
    path = Path(settings.ENCRYPTION_KEY_FILE)
    if not path.exists():
        if needed:
            raise KeyUnavailable(
                f"the database holds data sealed by the encryption key {', '.join(sorted(needed))}, "
                f"and there is no keyring at {path}: put the key file back from its copy"
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process was first; its key is as good
            crypto.write_keyring(path, [Key.generate()], replace=False)
    keyring = _keyring()
    missing = needed - keyring.fingerprints
    if missing:
        raise KeyUnavailable(
            f"the database holds data sealed by the encryption key {', '.join(sorted(missing))}, "
            f"which is not in the keyring at {path}"
        )
    return keyring


def keyring_status() -> dict[str, int]:
    """For each key of the keyring, how many data keys it wraps."""
    counts = dict.fromkeys(sorted(verify_keyring().fingerprints), 0)
    for fingerprint in DataKey.objects.values_list("keyring_fingerprint", flat=True):
        counts[fingerprint] = counts.get(fingerprint, 0) + 1
    return counts


def _keyring() -> Keyring:
    """The keyring as it is on disk now; read again only when the file changed."""
    file: str = settings.ENCRYPTION_KEY_FILE
    try:
        status = os.stat(file)  # noqa: PTH116  each entry, each secret comes by here, and a Path costs more than looking
    except OSError:
        return verify_keyring()
    return _read_keyring(file, status.st_mtime_ns, status.st_ino, status.st_mode)


@lru_cache(maxsize=2)
def _read_keyring(file: str, _changed: int, _inode: int, _mode: int) -> Keyring:
    return crypto.load_keyring(Path(file))


def _wrapping_context(key_id: bytes, project_pk: int | None) -> bytes:
    return crypto.bind("data-key", key_id.hex(), "platform" if project_pk is None else project_pk)


_opened: dict[tuple[str, bytes], tuple[int | None, Key]] = {}
"""Data keys by keyring and id. A key never changes once made, so an entry never goes stale."""
CACHE_LIMIT = 10_000


def _data_key(key_id: bytes) -> tuple[int | None, Key] | None:
    keyring = _keyring()
    slot = (keyring.primary.fingerprint, key_id)
    found = _opened.get(slot)
    if found is None:
        row = DataKey.objects.filter(key_id=key_id).first()
        if row is None:
            return None
        found = (row.project_id, _unwrap(keyring, row))
        if len(_opened) >= CACHE_LIMIT:
            _opened.clear()
        _opened[slot] = found
    return found


def _unwrap(keyring: Keyring, row: DataKey) -> Key:
    context = _wrapping_context(bytes(row.key_id), row.project_id)
    return keyring.unwrap(bytes(row.wrapped), row.keyring_fingerprint, context)


def _sealing_key(project_pk: int | None) -> tuple[bytes, Key]:
    """The newest data key of the project. Two writers may both make the first; either is as good."""
    row = DataKey.objects.filter(project=project_pk).order_by("-id").first()
    if row is None:
        keyring = verify_keyring()
        key, key_id = Key.generate(), secrets.token_bytes(crypto.KEY_ID_BYTES)
        with transaction.atomic():
            row = DataKey.objects.create(
                key_id=key_id,
                project_id=project_pk,
                wrapped=keyring.wrap(key, _wrapping_context(key_id, project_pk)),
                keyring_fingerprint=keyring.primary.fingerprint,
            )
        return key_id, key
    key_id = bytes(row.key_id)
    found = _data_key(key_id)
    if found is None:
        raise SealError("the data key vanished while it was read")
    return key_id, found[1]
