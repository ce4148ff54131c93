"""Which fields of a model never show their values in a diff. Decided by type and name, so that nobody has to remember.

A room adds what only it can know (an address that carries a token in its path, say) when it calls ``track``.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from django.db import models

from audit.masking import MASK, SECRET_NAMES, SECRET_PAIRS
from temps.lib.ids import PublicIdField

SECRET_WORDS = SECRET_NAMES | {
    *("hash", "digest", "sealed", "wrapped", "plain", "cipher", "ciphertext", "private", "seed", "salt", "otp", "totp"),
    *("pin", "code", "credential", "credentials", "passwords", "secrets", "tokens", "cookies"),
}
"""A field whose name has one of these words in it holds a secret, or something that a secret can be guessed from."""
HARMLESS = (models.BooleanField, models.DateField, models.TimeField, models.DurationField, models.IntegerField)
"""Types that tell when, whether and how many, whatever they are called: ``is_secret``, ``token_expires_at``."""
TOLD_BY_THE_EVENT = frozenset({"created_at", "created_by", "updated_at", "updated_by", "date_joined"})


def is_left_out(field: models.Field[Any, Any]) -> bool:
    """Keys and ids (the event names the object), what the event tells anyway, and bytes: sealed, or nothing to read."""
    return (
        field.primary_key
        or isinstance(field, models.BinaryField | PublicIdField)
        or field.name in TOLD_BY_THE_EVENT
        or field.many_to_many is True
    )


def is_secret(field: models.Field[Any, Any]) -> bool:
    """Whether the diff says that it changed, and neither from what nor to what."""
    if field.is_relation or isinstance(field, HARMLESS):
        return False
    words = re.findall(r"[a-z0-9]+", field.name.lower())
    return bool(SECRET_WORDS.intersection(words) or SECRET_PAIRS.intersection(pairwise(words)))


def mask(value: str) -> str | None:
    """auditlog's mask, which gets every value as text, None too. Not a star for each letter: a length tells as well."""
    return None if value in ("None", "") else MASK
