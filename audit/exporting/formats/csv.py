"""CSV (RFC 4180): a header, then one record for each entry, every field in quotes.

A spreadsheet takes a field that begins with ``=`` or its like for a formula, quotes or not. Such a field gets an
apostrophe in front, and so does one that begins with an apostrophe: taking one away gives back what was there.
"""

from __future__ import annotations

import csv
from typing import Any

import orjson

from audit.proof.canonical import canonical

COLUMNS = (
    *("timestamp", "userId", "userEmail", "ipAddress", "userAgent", "operation", "resourceType", "resourceId"),
    *("description", "metadata", "result"),
)
HEADER = ",".join(f'"{column}"' for column in COLUMNS)
NEWLINE = "\r\n"
APOSTROPHE = "'"
PREFIXED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", APOSTROPHE)  # noqa: RUF001
"""What OWASP names as the beginning of a formula, and the full-width forms that some spreadsheets take for the same."""


def render(entry: dict[str, Any]) -> str:
    fields = entry | {"metadata": canonical(entry["metadata"]).decode()}
    if fields.keys() != set(COLUMNS):
        raise ValueError("an entry has the documented fields")
    return ",".join(_field(fields[column]) for column in COLUMNS)


def read(line: str) -> dict[str, Any]:
    try:
        (fields,) = csv.reader([line], strict=True)
    except csv.Error as error:
        raise ValueError(str(error)) from None
    entry: dict[str, Any] = dict(zip(COLUMNS, map(_plain, fields), strict=True))
    entry["metadata"] = orjson.loads(entry["metadata"])
    return entry


def _field(text: str) -> str:
    if text.startswith(PREFIXED):
        text = APOSTROPHE + text
    return '"' + text.replace('"', '""') + '"'


def _plain(field: str) -> str:
    return field.removeprefix(APOSTROPHE)
