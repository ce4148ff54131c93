"""The JSON export (RFC 8259): entries and proof in one document, one entry a line, so that it also serves line by line.

``count`` and the proof stand at the end: a file without them was cut short.
"""

from __future__ import annotations

from audit.exporting.proof import text
from audit.exporting.statement import ExportText
from temps.lib import clock

FORMAT = "temps-audit-export/2"


def opening(statement: ExportText) -> str:
    """The first line, all of it from the signed ``statement``."""
    head = {
        "format": FORMAT,
        "exportId": statement.export,
        "exportedAt": clock.iso(statement.time),
        "exportedBy": statement.label,
        "startDate": str(statement.start_date),
        "endDate": str(statement.end_date),
        "first": statement.first,
        "end": statement.end,
    }
    return text(head).removesuffix("}") + ',"events":['


def middle(count: int) -> str:
    """What stands between the entries and the first line of the proof."""
    return f'],"count":{count},"proof":'


def ending() -> str:
    """What follows the last line of the proof."""
    return "}"
