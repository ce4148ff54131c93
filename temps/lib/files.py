"""The data directory: private files, made once and never readable by others."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def private_directory(path: Path) -> Path:
    """``path`` as a directory that only its owner can enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def create_private(path: Path, content: bytes) -> bool:
    """Make ``path`` with mode 0600 unless it exists; whether this call made it.

    The content appears at once or not at all, also to a process that looks at the same moment.
    """
    private_directory(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, never replaces what another process just made
        _sync_directory(path.parent)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def reserve_private(path: Path) -> Path:
    """``path`` itself, made empty with mode 0600 if it is not there: for what other programs would make readable."""
    if not path.exists():
        create_private(path, b"")
    return path


def replace_private(path: Path, content: bytes) -> None:
    """Write ``path`` with mode 0600, in place of what may be there, completely or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    create_private(draft, content)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def secret_key_of(data_directory: Path) -> str:
    """Django's SECRET_KEY for a machine that was given none: random, kept in the data directory."""
    path = data_directory / "secret_key"
    if not path.exists():
        create_private(path, secrets.token_urlsafe(64).encode("ascii"))
    return path.read_text(encoding="ascii")
