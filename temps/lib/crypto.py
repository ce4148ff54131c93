"""Sealing: AES-256-GCM (NIST SP 800-38D) in two layers, with a keyring that is made for rotation.

The keyring file holds key-encryption keys. Each wraps data keys (one or more per project, stored in the database);
a data key seals values. Both layers bind associated data, the identity of the row, so that a ciphertext moved
elsewhere does not open. Nonces are 96 random bits: with one data key per project the 2**32 messages after which NIST
asks for a new key are far away.

This module knows neither database nor settings. ``secrets_vault.sealing`` is its only caller for stored values.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from temps.lib.errors import KeyUnavailable, SealError
from temps.lib.files import create_private, replace_private

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_ID_BYTES = 8
VERSION = b"\x01"
HEADER = "# Temps keyring. Whoever reads this file reads every secret; without it they are lost. Keep a copy apart.\n"
LINE_PREFIX = "temps-key-1"

_WRAP = b"temps/wrap/1|"
_VALUE = b"temps/value/1|"


def bind(*parts: str | int) -> bytes:
    """Associated data from ``parts``, each preceded by its length, so that no two lists of parts look alike."""
    encoded = [str(part).encode("utf-8") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


@dataclass(frozen=True, slots=True)
class Key:
    """A 256-bit key. Its ``fingerprint`` (64 bits of SHA-256) names it in messages and in the database."""

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != KEY_BYTES:
            raise SealError("a key has 32 bytes")

    @classmethod
    def generate(cls) -> Key:
        return cls(secrets.token_bytes(KEY_BYTES))

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(b"temps/fingerprint/1|" + self.material).hexdigest()[:16]


def _encrypt(key: Key, plaintext: bytes, associated: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key.material).encrypt(nonce, plaintext, associated)


def _decrypt(key: Key, blob: bytes, associated: bytes) -> bytes:
    if len(blob) < NONCE_BYTES + TAG_BYTES:
        raise SealError("the sealed value does not open")
    try:
        return AESGCM(key.material).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], associated)
    except InvalidTag:
        raise SealError("the sealed value does not open") from None


def seal(key: Key, key_id: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """``version | data-key id | nonce | ciphertext and tag``: all that opening needs besides the row's identity."""
    if len(key_id) != KEY_ID_BYTES:
        raise SealError("a data-key id has 8 bytes")
    return VERSION + key_id + _encrypt(key, plaintext, _VALUE + VERSION + key_id + associated)


def key_id_of(sealed: bytes) -> bytes:
    """The id of the data key that sealed this value."""
    if sealed[:1] != VERSION or len(sealed) < 1 + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES:
        raise SealError("the sealed value does not open")
    return sealed[1 : 1 + KEY_ID_BYTES]


def open_sealed(key: Key, sealed: bytes, associated: bytes) -> bytes:
    """The plaintext. Raises :class:`SealError` whatever is wrong."""
    key_id = key_id_of(sealed)
    return _decrypt(key, sealed[1 + KEY_ID_BYTES :], _VALUE + VERSION + key_id + associated)


@lru_cache(maxsize=64)
def _derived(key: Key, purpose: bytes) -> bytes:
    """A key for one purpose, so that what is made for another never passes here."""
    return hmac.digest(key.material, b"temps/derive/1|" + purpose, "sha256")


@dataclass(frozen=True)
class Keyring:
    """Key-encryption keys: the first wraps, all of them unwrap."""

    keys: tuple[Key, ...]

    @property
    def primary(self) -> Key:
        return self.keys[0]

    @property
    def fingerprints(self) -> frozenset[str]:
        return frozenset(key.fingerprint for key in self.keys)

    def wrap(self, data_key: Key, associated: bytes) -> bytes:
        return _encrypt(self.primary, data_key.material, _WRAP + associated)

    def unwrap(self, wrapped: bytes, fingerprint: str, associated: bytes) -> Key:
        for key in self.keys:
            if secrets.compare_digest(key.fingerprint, fingerprint):
                return Key(_decrypt(key, wrapped, _WRAP + associated))
        raise KeyUnavailable(f"the keyring does not hold the encryption key {fingerprint}")

    def authenticate(self, data: bytes, purpose: bytes) -> bytes:
        """A code (HMAC-SHA256, RFC 2104) that only whoever has the keyring can make for ``data``."""
        return hmac.digest(_derived(self.primary, purpose), data, "sha256")

    def is_authentic(self, data: bytes, code: bytes, purpose: bytes) -> bool:
        """Whether one of the keys made ``code`` for ``data``, compared in constant time."""
        codes = (hmac.digest(_derived(key, purpose), data, "sha256") for key in self.keys)
        return any(hmac.compare_digest(one, code) for one in codes)

    @classmethod
    def parse(cls, text: str) -> Keyring:
        keys = []
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2 or words[0] != LINE_PREFIX:
                raise KeyUnavailable(f"the keyring is damaged in line {number}")
            try:
                keys.append(Key(base64.b64decode(words[1], validate=True)))
            except (binascii.Error, SealError):
                raise KeyUnavailable(f"the keyring is damaged in line {number}") from None
        if not keys:
            raise KeyUnavailable("the keyring holds no key")
        return cls(tuple(keys))

    def dump(self) -> str:
        lines = (f"{LINE_PREFIX} {base64.b64encode(key.material).decode('ascii')}\n" for key in self.keys)
        return HEADER + "".join(lines)


def load_keyring(path: Path) -> Keyring:
    """Read the keyring from ``path``, which nobody but its owner may be able to read."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyUnavailable(f"{path} is not a file")
            if status.st_mode & 0o077:
                raise KeyUnavailable(f"others can read {path}: run chmod 600 {path}")
            text = file.read(1 << 20).decode("ascii")
    except FileNotFoundError:
        raise KeyUnavailable(f"there is no keyring at {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnavailable(f"cannot read the keyring at {path} ({type(error).__name__})") from None
    return Keyring.parse(text)


def write_keyring(path: Path, keys: Iterable[Key], *, replace: bool) -> None:
    """Write the keyring to ``path`` with mode 0600, completely or not at all.

    Without ``replace`` an existing file is never touched (:class:`FileExistsError`), even if another process makes it
    at the same moment.
    """
    content = Keyring(tuple(keys)).dump().encode("ascii")
    if not replace:
        if not create_private(path, content):
            raise FileExistsError(path)
        return
    replace_private(path, content)
