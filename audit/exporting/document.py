"""The export as a JSON document (RFC 8259), in pieces: one event a line, so that it also serves line by line.

``count`` stands at the end because only then it is known; a file without it was cut short.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from audit.models import Event, Export
from temps.lib import clock

FORMAT = "temps-audit-export/1"


def opening(export: Export) -> str:
    head = {
        "format": FORMAT,
        "exportId": export.public_id,
        "exportedAt": clock.iso(clock.now()),
        "exportedBy": export.requested_label,
        "startDate": str(export.start_date),
        "endDate": str(export.end_date),
    }
    return _line(head).removesuffix("}") + ',"events":['


def entries(events: Iterable[Event], *, first: bool) -> str:
    """The lines of ``events``, each after a comma, except the ``first`` of the document."""
    text = "".join(f",\n{_line(event.as_entry())}" for event in events)
    return text.removeprefix(",") if first else text


def ending(export: Export) -> str:
    return f'\n],"count":{export.done}}}\n'


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
