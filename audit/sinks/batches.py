"""What goes to a sink next. Sealed entries have positions without gaps, so one number says all about how far it is.

What a receiver gets counts as part of the log. So nothing is sent but what the newest signed checkpoint vouches for; a
row that somebody put in or changed stops the sink in front of it, and the sink says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from audit.models import Event
from audit.proof.models import Tree
from audit.proof.rows import entry, read
from audit.proof.vouching import Signed, newest_signed, voucher_of
from audit.sinks.models import Sends, Sink
from temps.lib import clock
from temps.lib.errors import Unavailable
from temps.lib.signing import BadSignature

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

    Positions of entries that retention has removed are passed over. Raises :class:`Unavailable` when what comes next is
    not what was sealed, or the sink stands where the log has not been yet.
    """
    newest = _newest(sink.cursor)
    if newest is None or newest.text.size == sink.cursor:
        return None
    return _checkpoint(sink, newest) if sink.sends == Sends.CHECKPOINTS else _entries(sink.cursor, newest, end)


def _newest(cursor: int) -> Signed | None:
    tree = Tree.objects.filter(pk=1).first()
    try:
        newest = newest_signed(tree) if tree is not None else None
    except BadSignature:
        raise Unavailable("no key of this log signed its newest checkpoint: see temps audit verify") from None
    size = newest.text.size if newest is not None else 0
    if cursor > size:
        raise Unavailable(
            f"this sink stands at position {cursor} and only {size} entries are sealed: somebody moved it, or the log "
            "is an older one; temps sink rewind sets it back"
        )
    return newest


def _entries(first: int, newest: Signed, end: int | None) -> Entries | None:
    vouches = voucher_of(newest.text)
    end = newest.text.size if end is None else min(end, newest.text.size)
    found: list[Entry] = []
    rows = Event.objects.filter(position__gte=first, position__lt=end).order_by("position")
    for position, *columns in read(rows[:BATCH], "position"):
        if vouches(position, tuple(columns)):
            found.append(Entry(position, entry(columns)))
        elif found:  # those before it are sent; the next turn begins with it
            break
        else:
            raise Unavailable(f"entry {position} is not what was sealed, so it is not sent: see temps audit verify")
    return Entries(newest.text.origin, tuple(found)) if found else None


def _checkpoint(sink: Sink, newest: Signed) -> SignedCheckpoint | None:
    """The newest: it vouches for all that were before it."""
    if sink.last_ok_at is not None and clock.now() < sink.last_ok_at + timedelta(seconds=sink.every):
        return None
    return SignedCheckpoint(newest.text.origin, newest.text.size, newest.note)
