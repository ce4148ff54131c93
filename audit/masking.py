"""The net beneath the rule that no secret enters the audit log.

Whoever records an event leaves secrets out by not passing them. What slips through all the same, because it stands
under a name such as ``password`` or looks like a key or token, is masked here before it is written: a record that lasts
for years is the worst place to find one later.
"""

from __future__ import annotations

import re
from typing import Any

from temps.lib.secret_looks import MASK, without_secrets

__all__ = ["EXACT", "MASK", "SECRET_NAMES", "SECRET_PAIRS", "STRING_LIMIT", "masked", "masked_text", "printable"]

STRING_LIMIT = 1000
"""Characters of one string in metadata; the rest is cut, for the same reason that request bodies stay out."""
EXACT = 2**53 - 1
"""Numbers beyond this are written as text: JSON readers would round them (RFC 7493 section 2.2), and hashes differ."""

SECRET_NAMES = frozenset(
    {"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "pem", "otp", "plaintext"}
)
SECRET_PAIRS = frozenset({("private", "key"), ("api", "key"), ("secret", "key"), ("key", "material"), ("data", "key")})

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def printable(text: str) -> str:
    """Control characters out, so that a crafted user agent cannot forge lines on a terminal or in a log.

    NUL and lone surrogates, which PostgreSQL cannot store, are among them: nobody makes a record fail by sending one.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def masked_text(text: str) -> str:
    """``text`` on one line, without what looks like a secret, and cut where ``without_secrets`` stops looking."""
    return printable(without_secrets(text))


def masked(value: Any) -> Any:
    """``value`` (plain JSON) with every string cleaned, cut and masked.

    Raises :class:`TypeError` for what JSON does not know: an object in metadata is a slip that a test should find.
    """
    if isinstance(value, dict):
        return {printable(str(name)): _masked_entry(str(name), one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(one) for one in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, str):
        text = masked_text(value)
        return text if len(text) <= STRING_LIMIT else text[: STRING_LIMIT - 1] + "…"
    if isinstance(value, int | float) and abs(value) > EXACT:
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(f"audit metadata holds plain JSON, not {type(value).__name__}")


def _masked_entry(name: str, value: Any) -> Any:
    """What is empty, and whether there is one, is no secret; a number is: a code for one sign-in, say."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if _names_a_secret(name) and value is not True and (value or number):
        return MASK
    return masked(value)


def _names_a_secret(name: str) -> bool:
    """By the last word: ``newPassword`` and ``api_key`` name one, ``passwordChangedAt`` and ``api_key_id`` do not."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    return words[-1] in SECRET_NAMES or tuple(words[-2:]) in SECRET_PAIRS
