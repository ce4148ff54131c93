"""An entry as one line of each format, and back.

Every format is a pair of pure functions: ``render`` writes an entry, ``read`` finds the entry in the line again, whole.
What a format maps to fields of its own (a severity, an epoch) is derived from the entry alone, so that whoever verifies
a line renders anew what was read from it and demands the same line: nothing can hide in a mapped field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audit.exporting.formats import cef, csv, ndjson, ocsf
from audit.models import ExportFormat

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    render: Callable[[Entry], str]
    read: Callable[[str], Entry]
    content_type: str
    newline: str = "\n"
    opening: str = ""
    """A line before the first entry."""


FORMATS: dict[str, Format] = {
    ExportFormat.JSON: Format(ndjson.render, ndjson.read, "application/json"),
    ExportFormat.NDJSON: Format(ndjson.render, ndjson.read, "application/x-ndjson"),
    ExportFormat.CSV: Format(csv.render, csv.read, "text/csv", csv.NEWLINE, csv.HEADER),
    ExportFormat.CEF: Format(cef.render, cef.read, "text/plain"),
    ExportFormat.OCSF: Format(ocsf.render, ocsf.read, "application/x-ndjson"),
}
"""By :class:`audit.models.ExportFormat`. JSON differs from NDJSON in what stands around the lines."""


def render(entry: Entry, format: str) -> str:
    """``entry`` (as :func:`audit.models.entry_of` makes it) as one line of ``format``, without a line end."""
    return FORMATS[format].render(entry)


def read(line: str, format: str) -> Entry:
    """The entry that ``line`` tells of. Raises :class:`ValueError` unless rendering it gives exactly this line."""
    chosen = FORMATS[format]
    try:
        entry = chosen.read(line)
        same = chosen.render(entry) == line
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise ValueError("this is no line of this format") from None
    if not same:
        raise ValueError("this is not how Temps writes this entry")
    return entry
