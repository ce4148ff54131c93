"""Opaque public identifiers: what URLs, logs and the API show instead of database keys.

Twenty characters of RFC 4648 base32 in lower case hold 100 random bits: they cannot be counted through, survive a
phone call and a case-insensitive file system.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING, Any

from django.db import models


def new(prefix: str) -> str:
    """A fresh identifier such as ``prj_k3v7…``."""
    body = base64.b32encode(secrets.token_bytes(13)).decode("ascii").lower()[:20]
    return f"{prefix}_{body}"


def fits(text: str, prefix: str) -> bool:
    """Whether ``text``, which came from the database, is what :func:`new` makes: before it is put into a path."""
    return re.fullmatch(rf"{prefix}_[a-z2-7]{{20}}", str(text)) is not None


if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField


class PublicIdField(_CharField):
    """A unique identifier that is set before the first save, so that sealing can bind to it."""

    def __init__(self, prefix: str = "", **options: Any) -> None:
        self.prefix = prefix
        options.update(max_length=32, unique=True, editable=False)
        options.pop("default", None)
        super().__init__(**options)

    def get_default(self) -> str:
        return new(self.prefix)

    def has_default(self) -> bool:
        return True

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, options = super().deconstruct()
        for fixed in ("max_length", "unique", "editable"):
            options.pop(fixed, None)
        options["prefix"] = self.prefix
        return name, path, args, options
