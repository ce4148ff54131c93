"""Refusals and failures that come again and again: told twice, at the beginning and at the end, and counted between.

The first is recorded at once. What is identical to it and follows within :data:`WINDOW` raises a counter, in one
statement that no two processes can interleave. When the window has passed, one more event says how often it came
again: recorded by the next identical one, or by the periodic task. The counter ends in the transaction of that event,
so a crash between the two loses no count and tells none twice.

A success is never folded: each one changed or showed something of its own.

Counters are rows without a code: what they say is as good as the database. One that no counting gives, because somebody
put it there, is dropped with a line in the log of the process, and stops none of the others.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, DataError, connection, transaction
from django.db.models import Q

from audit.actions import Action, Result
from audit.diffs import sealed
from audit.models import ENTRY_COLUMNS, Event, Fold
from audit.services import append, is_ours, record
from audit.strangers import tolerant
from temps.lib import clock, ids
from temps.lib.actor import Actor
from temps.lib.errors import Denied, Unavailable

log = structlog.get_logger(__name__)

WINDOW = timedelta(seconds=60)
BATCH = 500
"""Counters that one transaction closes."""
MOST = 2**31
"""Repetitions within a window that are still believed."""
DESCRIPTION_LIMIT = 500
NOT_KEPT = frozenset({"timestamp", "public_id", "request_id", "user_agent"})
"""Columns that the telling event does not take from the first: the repetitions may differ in them."""

# A new row has no event yet, which is how the caller knows that it is the first; an older row whose window has passed
# is left as it is, and locked, because it has to be told before it counts anew. So is one that began in the future, and
# would count for ever.
COUNTS = """(
  audit_fold."opened_at" > %(cutoff)s AND audit_fold."opened_at" <= %(ahead)s AND audit_fold."count" < %(most)s
)"""
COUNT_OR_BEGIN = f"""
INSERT INTO audit_fold ("key", "event", "count", "opened_at", "last_at") VALUES (%(key)s, '', 0, %(now)s, %(now)s)
ON CONFLICT ("key") DO UPDATE SET
  "count" = audit_fold."count" + CASE WHEN {COUNTS} THEN 1 ELSE 0 END,
  "last_at" = CASE WHEN {COUNTS} THEN %(now)s ELSE audit_fold."last_at" END
RETURNING "id", "event", {COUNTS}
"""  # noqa: S608  all of it stands here


@transaction.atomic
def record_folded(
    actor: Actor,
    action: Action,
    target: tuple[str, str],
    description: str,
    *,
    result: Result,
    project: str = "",
    metadata: dict[str, Any] | None = None,
) -> Event | None:
    """As :func:`audit.services.record`, for what was denied or failed. None when it was counted as a repetition.

    Identical is what has the same operation, result, object, description, project and metadata and comes from the same
    actor, address and credential; the user agent and the request do not matter.
    """
    if result is Result.SUCCESS:
        raise ValueError("a success is recorded each time")
    now = clock.now()
    same = [action, result, target, description, project, metadata, actor.kind, actor.id, actor.label, actor.address]
    pk, known, counts = _count_or_begin(_key([*same, actor.credential.kind, actor.credential.id]), now)
    if known and counts:
        return None
    if known and (fold := _read(pk)) is not None:
        _tell(fold)
    event = record(actor, action, target, description, project=project, metadata=metadata, result=result)
    Fold.objects.filter(pk=pk).update(event=event.public_id, count=0, opened_at=now, last_at=now)
    return event


def record_denial(denied: Denied) -> None:
    """Record, in a transaction of its own, what was refused. Called by faces once the refused one has rolled back.

    The refusal stands whether or not it can be recorded, so a failing database is logged and not raised.
    """
    if denied.actor is None:
        return
    try:
        record_folded(
            denied.actor,
            Action.PERMISSION_CHECK,
            ("permission", denied.permission or "unknown"),
            denied.message,
            project=denied.project,
            metadata={"environment": denied.environment} if denied.environment else None,
            result=Result.DENIED,
        )
    except (DatabaseError, Unavailable) as error:
        log.error("audit.denial_not_recorded", error=type(error).__name__)


def close_folds() -> int:
    """Tell of the repetitions whose window has passed; how many events that took. The periodic task."""
    told = 0
    while (closed := _close_some()) is not None:
        told += closed
    return told


@transaction.atomic
def _close_some() -> int | None:
    """Close up to :data:`BATCH` counters, skipping those that somebody else is at. None when there are none."""
    now = clock.now()
    ended = Fold.objects.filter(Q(opened_at__lte=now - WINDOW) | Q(opened_at__gt=now + WINDOW)).order_by("id")
    keys = list(ended.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
    if not keys:
        return None
    told = sum(_tell(fold) for key in keys if (fold := _read(key)) is not None)
    Fold.objects.filter(pk__in=keys).delete()
    return told


def _read(key: int) -> Fold | None:
    """The counter; None, which is logged, for a row that no counting gives. Clocks may differ by the window."""
    now = clock.now()
    try:
        fold = Fold.objects.get(pk=key)
        near = abs(fold.last_at - fold.opened_at) <= 2 * WINDOW and fold.last_at <= now + WINDOW
        is_sound = near and ids.fits(fold.event, "evt") and 0 <= fold.count <= MOST
    except (DataError, TypeError, ValueError, AttributeError, OverflowError):
        is_sound = False
    if is_sound:
        return fold
    log.error("audit.counter_makes_no_sense", row=key)
    return None


def _tell(fold: Fold) -> bool:
    """Record how often it came again; False if it never did. The caller ends the counter in the same transaction."""
    if not fold.count:
        return False
    first = tolerant(Event.objects.filter(public_id=fold.event)).first()
    if first is None or first.result == Result.SUCCESS or not is_ours(first):
        # Removed by retention; or put there by someone who wants it told again as if Temps had written it.
        log.warning("audit.first_is_gone", first=fold.event, count=fold.count)
        first = _stand_in(fold)
    again = f" … {fold.count} more {'time' if fold.count == 1 else 'times'}"
    event = Event(**{name: getattr(first, name) for name in ENTRY_COLUMNS if name not in NOT_KEPT})
    event.description = first.description[: DESCRIPTION_LIMIT - len(again)] + again
    event.metadata = {name: value for name, value in first.metadata.items() if name not in sealed.NAMES} | {
        "count": fold.count,
        "since": clock.iso(fold.opened_at),
        "until": clock.iso(fold.last_at),
        "first": fold.event,
    }
    append(event)
    return True


def _stand_in(fold: Fold) -> Event:
    """For a first event that is gone, or is not one that Temps folded: the count is told all the same."""
    system = Actor.system("audit.close_folds")
    return Event(
        actor_kind=system.kind.value,
        user_id=system.id,
        operation=Action.PERMISSION_CHECK.value,
        resource_type="event",
        resource_id=fold.event,
        description="what was recorded as an entry that is gone by now",
        metadata={"credential": system.credential.kind.value, "actor": system.label},
        result=Result.DENIED.value,
    )


def _key(same: list[Any]) -> str:
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


def _count_or_begin(key: str, now: datetime) -> tuple[int, bool, bool]:
    """The counter's row, whether it existed already, and whether it counts (its window is still open)."""
    stored = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        given = {"key": key, "now": stored(now), "cutoff": stored(now - WINDOW), "ahead": stored(now + WINDOW)}
        cursor.execute(COUNT_OR_BEGIN, given | {"most": MOST})
        pk, event, counts = cursor.fetchone()
    return pk, bool(event), bool(counts)
