"""Which entries an export holds: a run of sealed positions that begins and ends at signed checkpoints.

A checkpoint says what the log held at a moment. Two of them, and every entry between, say that nothing is missing; the
days of the entries alone could not, because an entry that is not there has no day. So a few entries of the days before
and after are in the file too: those that share a checkpoint with the first and the last.

What counts is the time that was signed, not the column beside it, which whoever can write to the database may shift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.db.models import Max, Min, QuerySet

from audit.models import Checkpoint, Event
from audit.proof.notes import CheckpointText
from temps.lib.signing import BadSignature, Verifier

PAGE = 20
"""Checkpoints that are read at once; mostly the first will do."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """From position ``first`` up to but not including ``end``."""

    first: int
    end: int


def first_moment(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def last_moment(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)


def covering(start: date, end: date, verifiers: Sequence[Verifier]) -> Coverage:
    """The shortest run between checkpoints that holds every sealed entry of these days, and all that was sealed from
    the beginning of the first to the end of the last."""
    begin, over = first_moment(start), last_moment(end)
    newest = next((one.size for one in _signed(Checkpoint.objects.all(), verifiers, backwards=True)), 0)
    days = Event.objects.filter(position__lt=newest, timestamp__gte=begin, timestamp__lte=over).aggregate(
        lowest=Min("position"), highest=Max("position")
    )
    first, _ = _around(begin, newest, verifiers)
    _, last = _around(over, newest, verifiers)
    last = newest if last is None else last
    if days["lowest"] is not None:  # recorded on these days, and yet sealed outside of them
        if days["lowest"] < first:
            earlier = _signed(Checkpoint.objects.filter(size__lte=days["lowest"]), verifiers, backwards=True)
            first = next((one.size for one in earlier if one.time < begin), 0)
        if days["highest"] >= last:
            later = _signed(Checkpoint.objects.filter(size__gt=days["highest"]), verifiers)
            last = next((one.size for one in later), newest)
    return Coverage(first, max(first, last))


def _around(moment: datetime, newest: int, verifiers: Sequence[Verifier]) -> tuple[int, int | None]:
    """The size at the last checkpoint that was signed before ``moment`` (0 if none was) and at the one that follows it
    (None if none does). By halving the sizes, because a log only grows and there may be millions of checkpoints."""
    before, after = 0, None
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        found = next(_signed(Checkpoint.objects.filter(size__gte=middle, size__lt=high), verifiers), None)
        if found is not None and found.time < moment:
            before, low = found.size, found.size + 1
        else:
            after = found.size if found is not None else after
            high = middle
    return before, after


def _signed(
    rows: QuerySet[Checkpoint], verifiers: Sequence[Verifier], *, backwards: bool = False
) -> Iterator[CheckpointText]:
    """What was signed, by size. A row that is not what was signed is no boundary; whoever verifies hears of it."""
    order, beyond = ("-size", "size__lt") if backwards else ("size", "size__gt")
    left = rows.order_by(order)
    while page := list(left.values_list("size", "note")[:PAGE]):
        for size, note in page:
            try:
                found = CheckpointText.opened(note, verifiers)
            except BadSignature:
                continue
            if found.size == size:
                yield found
        left = rows.order_by(order).filter(**{beyond: page[-1][0]})
