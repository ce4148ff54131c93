"""What an API key looks like: ``tmp_<public part>_<secret><checksum>``.

The prefix lets secret scanners find a leaked key, the public part finds its row, and the checksum (CRC-32 of all
before it) tells a mistyped key from a wrong one without a look at the database. The checksum is no protection: anyone
can compute it. The 178 random bits of the secret are.
"""

from __future__ import annotations

import re
import secrets
import zlib
from dataclasses import dataclass, field

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TYPE = "tmp"
PUBLIC_LENGTH = 10
SECRET_LENGTH = 30
"""Base62 characters: 30 hold 178 bits."""
CHECKSUM_LENGTH = 6
"""62**6 exceeds 2**32."""

_SHAPE = re.compile(
    rf"{TYPE}_([0-9A-Za-z]{{{PUBLIC_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A key as it was presented, its form checked and nothing else."""

    public: str
    secret: str = field(repr=False)

    @property
    def token(self) -> str:
        body = f"{TYPE}_{self.public}_{self.secret}"
        return body + _checksum(body)


def new_key() -> PresentedKey:
    return PresentedKey(_random(PUBLIC_LENGTH), _random(SECRET_LENGTH))


def new_secret_of(public: str) -> PresentedKey:
    """The key with this public part and another secret."""
    return PresentedKey(public, _random(SECRET_LENGTH))


def read_key(text: str) -> PresentedKey | None:
    """The parts of ``text``, or None if it is no key or was mistyped."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    key = PresentedKey(match[1], match[2])
    return key if key.token == text else None


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode("ascii")), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
