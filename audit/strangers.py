"""Rows among the events that can be no entry of ours: shown as what they are, where they would break every page.

Whoever can write to the database can put a row there that Temps never writes: metadata that is a list, a time after the
last that there is, an id that no address can hold. Such a row hides neither the entries around it nor itself. It is
never sealed, and verification, which reads rows as text (``audit.proof.rows``), names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import F, Func, QuerySet, TextField
from django.db.models.query import ModelIterable
from django.db.utils import DatabaseError

from audit.actions import Result
from audit.diffs.sealed import TOO_LONG
from audit.masking import masked_text
from audit.models import ENTRY_COLUMNS, Event
from audit.proof.canonical import canonical
from temps.lib import ids

OPERATION = "NOT_AN_ENTRY"
"""In place of an operation; none of the vocabulary."""
SINCE, UNTIL = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Between them lies the time of every entry, with room for an hour more or less."""
SHOWN = 200
"""Characters of a column that are shown."""
RESULTS = frozenset(result.value for result in Result)
UNREADABLE = (DatabaseError, TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError)


def tolerant(events: QuerySet[Event]) -> QuerySet[Event]:
    """``events``, with a stand-in for each row that can be no entry of ours: it names the row and shows its columns."""
    events = events.all()
    events._iterable_class = _Tolerant
    return events


def is_stand_in(event: Event) -> bool:
    return event.operation == OPERATION


def stand_in_called(name: str, events: QuerySet[Event]) -> Event | None:
    """That of ``events`` which has this name because its row has no id that could be one."""
    key = re.fullmatch(r"row-(-?[0-9]{1,18})", name)
    event = events.filter(pk=int(key[1])).first() if key else None
    return event if event is not None and event.public_id == name else None


class _Tolerant(ModelIterable):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Event]:
        try:
            events = list(super().__iter__())
        except UNREADABLE:
            events = [event for key in self.queryset.values_list("pk", flat=True) for event in _alone(key)]
        return (event if _can_be_ours(event) else _stand_in(event.pk) for event in events)


def _alone(key: int) -> list[Event]:
    """One row; empty if it has been removed meanwhile."""
    try:
        return list(Event.objects.filter(pk=key))
    except UNREADABLE:
        return [_stand_in(key)]


def _can_be_ours(event: Event) -> bool:
    if is_stand_in(event):
        return True
    try:
        canonical(event.as_entry())
        known = event.result in RESULTS and ids.fits(event.public_id, "evt")
        return known and SINCE <= event.timestamp < UNTIL and _has_changes(event.metadata)
    except UNREADABLE:
        return False


def _has_changes(metadata: dict[str, Any]) -> bool:
    """Whether what it says of changed fields has the form that pages and API take it to have (``audit.diffs``)."""
    beside = metadata.get("alsoChanged", [])
    named = all(isinstance(one["resourceType"], str) and isinstance(one["resourceId"], str) for one in beside)
    return named and all(map(_is_diff, (metadata.get("changes", {}), *(one["changes"] for one in beside))))


def _is_diff(told: Any) -> bool:
    pairs = told.values() if isinstance(told, dict) else ()
    known = told == TOO_LONG or isinstance(told, dict)
    return known and all(pair == TOO_LONG or (isinstance(pair, list) and len(pair) == 2) for pair in pairs)


class _Text(Func):
    """The beginning of a column as text, whatever is in it. SQLite keeps bytes that are no text in any column."""

    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **_options: Any) -> Any:
        return self.as_sql(compiler, connection, template=f"SUBSTR(HEX(%(expressions)s), 1, {2 * SHOWN})")

    def as_postgresql(self, compiler: Any, connection: Any, **_options: Any) -> Any:
        return self.as_sql(compiler, connection, template=f"LEFT((%(expressions)s)::text, {SHOWN})")


def _stand_in(key: int) -> Event:
    texts = {f"{name}_text": _Text(F(name)) for name in ENTRY_COLUMNS}
    row = Event.objects.filter(pk=key).annotate(**texts).values_list(*texts).first() or [""] * len(texts)
    columns = dict(zip(ENTRY_COLUMNS, map(_shown, row), strict=True))
    name = columns["public_id"]
    return Event(
        pk=key,
        public_id=name if ids.fits(name, "evt") else f"row-{key}",
        timestamp=_time_of(key),
        operation=OPERATION,
        description=f"not an entry that Temps wrote: row {key} of the table",
        result=Result.FAILURE.value,
        metadata={"row": key, "columns": columns},
    )


def _shown(text: str | None) -> str:
    if connection.vendor == "sqlite":
        text = bytes.fromhex(text or "").decode(errors="replace")
    return masked_text(text or "")


def _time_of(key: int) -> datetime:
    """The time, if the row has one; the beginning of all times if not."""
    try:
        found = Event.objects.filter(pk=key).values_list("timestamp", flat=True).first()
        return found if found is not None and SINCE <= found < UNTIL else SINCE
    except UNREADABLE:
        return SINCE
