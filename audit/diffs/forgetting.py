"""Rows of auditlog, which say what fields were before and after, without a person who is erased."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from auditlog.models import LogEntry
from django.db.models import Q

from audit.models import Event
from audit.redaction.person import Person, through

BATCH = 1000
"""Rows in memory at a time."""
COLUMNS = ("object_pk", "object_repr", "changes_text", "changes", "additional_data", "serialized_data", "actor_email")


def forget(person: Person) -> None:
    for rows in _batches():
        events = {str((row.additional_data or {}).get("event", "")) for row in rows}
        concerned = Event.objects.filter(Q(user_id=person.id) | Q(resource_id=person.id), public_id__in=events)
        theirs = set(concerned.values_list("public_id", flat=True))
        changed = [row for row in rows if _rid_of(person, row, theirs)]
        LogEntry.objects.bulk_update(changed, [*COLUMNS, "remote_addr"], batch_size=100)


def _batches() -> Iterator[Sequence[LogEntry]]:
    last = 0
    while rows := list(LogEntry.objects.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield rows
        last = rows[-1].pk


def _rid_of(person: Person, row: LogEntry, theirs: set[str]) -> bool:
    """Whether ``row`` said something of ``person`` that it says no longer."""
    before: dict[str, Any] = {name: getattr(row, name) for name in COLUMNS}
    is_theirs = row.object_pk == person.id or (row.additional_data or {}).get("event") in theirs
    if not is_theirs and not any(map(person.is_in, _texts_in(list(before.values())))):
        return False
    out_of = person.out_of if is_theirs else person.address_out_of
    after = {name: through(value, out_of) for name, value in before.items()}
    for name, value in after.items():
        setattr(row, name, value)
    had_address, row.remote_addr = row.remote_addr is not None and is_theirs, None if is_theirs else row.remote_addr
    return had_address or after != before


def _texts_in(value: Any) -> Iterator[str]:
    """Every text in plain JSON, names of keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts_in(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts_in(one)
