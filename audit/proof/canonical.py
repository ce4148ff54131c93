"""An entry as bytes: RFC 8785, the JSON canonicalization scheme. What is sealed is the hash of these bytes."""

from __future__ import annotations

from typing import Any

import orjson
import rfc8785

PURPOSE = "audit-event"
"""What the code of an event is made for (``secrets_vault.sealing.authenticate``)."""
REDACTED_PURPOSE = "audit-event-redacted"
"""The same for an event that was redacted. The sealer does not take this one, so that a redacted entry which retention
has removed cannot be put in again to be sealed as a new one."""
FAST = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def canonical(entry: dict[str, Any]) -> bytes:
    """``entry`` in canonical form.

    orjson writes the same bytes fifteen times faster as long as names are ASCII and there are no fractions, which is
    every entry that Temps records; the two schemes differ in how they order other names and write other numbers.
    """
    try:
        return orjson.dumps(entry, option=FAST) if _plain(entry) else rfc8785.dumps(entry)
    except RecursionError:
        raise ValueError("this has no canonical form: it is nested too deeply") from None
    except (orjson.JSONEncodeError, rfc8785.CanonicalizationError) as error:
        raise ValueError(f"this has no canonical form: {error}") from None


def canonical_entry(entry: dict[str, Any]) -> bytes:
    """:func:`canonical` for what :func:`audit.models.entry_of` made: all of it is text, but for the metadata."""
    try:
        plain = _plain(entry["metadata"])
    except RecursionError:
        plain = False
    return orjson.dumps(entry, option=FAST) if plain else canonical(entry)


_SIMPLE = frozenset({str, int, bool, type(None)})


def _plain(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        for name, one in value.items():  # a loop, and the common types first: this is most of what verifying costs
            if not (type(name) is str and name.isascii() and (type(one) in _SIMPLE or _plain(one))):
                return False
        return True
    if kind is list:
        return all(type(one) in _SIMPLE or _plain(one) for one in value)
    return kind in _SIMPLE
