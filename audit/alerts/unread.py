"""What is in the log that rules have not looked at: sealed events, as far as they are what was sealed.

Rows are read as text and held against the newest signed checkpoint. One that does not fit is none that Temps wrote as
it stands: it is left out, so that it neither raises an alert nor keeps the others from being looked at, and named.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import structlog

from audit.models import ENTRY_COLUMNS, Event, Tree
from audit.proof.notes import CheckpointText
from audit.proof.rows import Row, entry, read
from audit.proof.vouching import newest_signed, voucher_of
from temps.lib.errors import TempsError
from temps.lib.signing import BadSignature

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    events: list[Event]
    changed: list[int]
    """Positions of what is not as it was sealed."""


def signed_log() -> CheckpointText | None:
    """What was signed last; None when nothing was, or what there is does not count."""
    tree = Tree.objects.filter(pk=1).defer("failed_at").first()
    try:
        newest = newest_signed(tree) if tree is not None else None
    except (BadSignature, TempsError) as error:
        log.error("alerts.checkpoint_does_not_count", error=type(error).__name__)
        return None
    return None if newest is None else newest.text


def unread(signed: CheckpointText, first: int, end: int) -> Found:
    """The events from position ``first`` to before ``end``; those that retention has removed are not among them."""
    vouches = voucher_of(signed)
    found = Found([], [])
    rows = Event.objects.filter(position__gte=first, position__lt=end).order_by("position")
    for position, *columns in read(rows, "position"):
        if vouches(position, tuple(columns)):
            found.events.append(_event(position, tuple(columns)))
        else:
            found.changed.append(position)
    return found


def still_changed(positions: Collection[int]) -> list[int]:
    """Those of ``positions`` where there is still something else than what was sealed."""
    signed = signed_log()
    if signed is None:
        return sorted(positions)
    vouches = voucher_of(signed)
    rows = Event.objects.filter(position__in=positions).order_by("position")
    return [position for position, *columns in read(rows, "position") if not vouches(position, tuple(columns))]


def _event(position: int, columns: Row) -> Event:
    """As Django would have read it."""
    sealed = entry(columns)
    read_as = dict(zip(ENTRY_COLUMNS, columns, strict=True))
    read_as |= {"timestamp": datetime.fromisoformat(sealed["timestamp"]), "metadata": sealed["metadata"]}
    return Event(position=position, **read_as)
