"""Which entries an export holds: a run of sealed positions that begins and ends at signed checkpoints.

A checkpoint says what the log held at a moment. Two of them, and every entry between, say that nothing is missing; the
days of the entries alone could not, because an entry that is not there has no day. So a few entries of the days before
and after are in the file too: those that share a checkpoint with the first and the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.db.models import Max, Min

from audit.models import Checkpoint, Event
from audit.proof.notes import CheckpointText
from temps.lib.signing import BadSignature, Verifier

NEAR = 20
"""Checkpoints that are looked at: a row is written a moment after its note was signed."""


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
    newest = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    days = Event.objects.filter(
        position__lt=newest, timestamp__gte=first_moment(start), timestamp__lte=last_moment(end)
    ).aggregate(lowest=Min("position"), highest=Max("position"))
    first = _size_before(first_moment(start))
    last = _size_after(last_moment(end), verifiers)
    last = newest if last is None else last
    if days["lowest"] is not None:  # recorded on these days, and yet sealed outside of them
        if days["lowest"] < first:
            first = Checkpoint.objects.filter(size__lte=days["lowest"]).aggregate(found=Max("size"))["found"] or 0
        if days["highest"] >= last:
            last = Checkpoint.objects.filter(size__gt=days["highest"]).aggregate(found=Min("size"))["found"]
    return Coverage(first, max(first, last))


def _size_before(moment: datetime) -> int:
    """The size at the newest checkpoint that was signed at ``moment`` or before."""
    rows = Checkpoint.objects.filter(created_at__lte=moment).order_by("-created_at", "-size")
    return rows.values_list("size", flat=True).first() or 0


def _size_after(moment: datetime, verifiers: Sequence[Verifier]) -> int | None:
    """The size at the first checkpoint that was signed after ``moment``."""
    rows = Checkpoint.objects.filter(created_at__gt=moment).order_by("created_at", "size")
    for size, note in rows.values_list("size", "note")[:NEAR]:
        try:
            if CheckpointText.opened(note, verifiers).time > moment:
                return size
        except BadSignature:
            continue  # whoever verifies hears of it; here it is no boundary
    return None
