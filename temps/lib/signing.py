"""Ed25519 signatures (RFC 8032) over short texts, in the signed-note format of C2SP.

A signed note is a text, an empty line, and signature lines ``— NAME BASE64``, where the decoded bytes are four bytes
that identify the key and the signature. The format is that of Go's checksum database and of transparency logs, so
tools that others wrote can check what Temps signs (https://c2sp.org/signed-note). A key is told to others as a
*verifier key*: ``NAME+ID+BASE64``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from temps.lib.errors import Invalid

ED25519 = b"\x01"
"""The signature type of signed notes."""
ID_BYTES = 4
PUBLIC_BYTES = 32


class BadSignature(Exception):
    """The note is not one, or none of the keys signed it."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half: who signs (``name``) and the raw key (32 bytes)."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode('ascii')}"

    @property
    def pem(self) -> str:
        """The key as others know it: SubjectPublicKeyInfo in PEM (RFC 7468, RFC 8410)."""
        key = Ed25519PublicKey.from_public_bytes(self.public)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """A verifier key as :meth:`__str__` writes it. Raises :class:`Invalid`."""
        found = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", text.strip())
        try:
            data = base64.b64decode(found[3], validate=True) if found else b""
        except binascii.Error:
            data = b""
        if found is None or data[:1] != ED25519 or len(data) != 1 + PUBLIC_BYTES:
            raise Invalid("this is not a verifier key (NAME+ID+BASE64)", field="public_key")
        verifier = cls(found[1], data[1:])
        if verifier.id.hex() != found[2]:
            raise Invalid("the verifier key is damaged: its id does not fit", field="public_key")
        return verifier

    @classmethod
    def parse_pem(cls, pem: str, name: str) -> Verifier:
        """A PEM public key, for notes signed in ``name``. Raises :class:`Invalid`."""
        try:
            key = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise Invalid("this is not a public key in PEM form", field="public_key") from None
        if not isinstance(key, Ed25519PublicKey):
            raise Invalid("this public key is not an Ed25519 key", field="public_key")
        return cls(name, key.public_bytes_raw())

    def accepts(self, signature: bytes, text: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """The private half, as its 32 secret bytes."""

    name: str
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> Signer:
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, Ed25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """``text``, which ends in a newline and has no empty line, as a signed note."""
        if not text.endswith("\n") or "\n\n" in text or text.startswith("\n"):
            raise ValueError("a signed text ends in a newline and has no empty line")
        signature = Ed25519PrivateKey.from_private_bytes(self.secret).sign(text.encode())
        line = base64.b64encode(self.verifier.id + signature).decode("ascii")
        return f"{text}\n\N{EM DASH} {self.name} {line}\n"


def opened(note: str, verifiers: Sequence[Verifier]) -> str:
    """The text of ``note``, if one of ``verifiers`` signed it. Raises :class:`BadSignature`."""
    text, blank, lines = note.partition("\n\n")
    if not blank:
        raise BadSignature("this is not a signed note")
    signed = (text + "\n").encode()
    for line in lines.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        try:
            data = base64.b64decode(encoded, validate=True)
        except ValueError:  # binascii.Error is one, and what is not ASCII raises another
            continue
        for verifier in verifiers:
            mine = dash == "\N{EM DASH}" and name == verifier.name and data[:ID_BYTES] == verifier.id
            if mine and verifier.accepts(data[ID_BYTES:], signed):
                return text + "\n"
    raise BadSignature("none of the keys signed this")
