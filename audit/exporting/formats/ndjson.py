"""The canonical form itself (RFC 8785): the bytes of a line are those that were hashed when the entry was sealed."""

from __future__ import annotations

from typing import Any

import orjson

from audit.proof.canonical import canonical_entry


def render(entry: dict[str, Any]) -> str:
    return canonical_entry(entry).decode()


def read(line: str) -> dict[str, Any]:
    entry = orjson.loads(line)
    if not isinstance(entry, dict):
        raise TypeError("an entry is an object")
    return entry
