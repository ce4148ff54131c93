"""What goes to a sink next. Sealed entries have positions without gaps, so one number says all about how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from audit.models import ENTRY_COLUMNS, Event, entry_of
from audit.proof.models import Checkpoint, Tree
from audit.sinks.models import Sends, Sink
from temps.lib import clock

BATCH = 100
"""Entries in a batch, at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sealed entry in the documented format, and its place in the log."""

    position: int
    entry: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entries:
    """``end`` is where the cursor stands afterwards."""

    origin: str
    entries: tuple[Entry, ...]

    @property
    def first(self) -> int:
        return self.entries[0].position

    @property
    def end(self) -> int:
        return self.entries[-1].position + 1


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    origin: str
    size: int
    note: str

    @property
    def end(self) -> int:
        return self.size


Batch = Entries | SignedCheckpoint


def origin() -> str:
    """The name of the log; empty before anything was sealed."""
    return Tree.objects.filter(pk=1).values_list("origin", flat=True).first() or ""


def next_batch(sink: Sink, end: int | None = None) -> Batch | None:
    """What ``sink`` gets next, None when there is nothing now. ``end`` asks for entries before that position alone.

    Positions of entries that retention has removed are passed over.
    """
    return _checkpoint(sink) if sink.sends == Sends.CHECKPOINTS else _entries(sink.cursor, end)


def _entries(first: int, end: int | None) -> Entries | None:
    rows = Event.objects.filter(position__gte=first)
    if end is not None:
        rows = rows.filter(position__lt=end)
    found = tuple(
        Entry(position, entry_of(*columns))
        for position, *columns in rows.order_by("position").values_list("position", *ENTRY_COLUMNS)[:BATCH]
    )
    return Entries(origin(), found) if found else None


def _checkpoint(sink: Sink) -> SignedCheckpoint | None:
    """The newest: it vouches for all that were before it."""
    if sink.last_ok_at is not None and clock.now() < sink.last_ok_at + timedelta(seconds=sink.every):
        return None
    found = Checkpoint.objects.filter(size__gt=sink.cursor).order_by("-size").first()
    return SignedCheckpoint(origin(), found.size, found.note) if found else None
