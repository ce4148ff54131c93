"""The policy, legal holds, and the removal of what has had its time.

An entry is removed from the table and stays a leaf of the tree: its hash is kept, and a signed statement says which
positions were removed. So verification still covers every entry that is left, and tells what was retired from what was
taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from auditlog.models import LogEntry
from django.db import connection, transaction
from django.db.models import Max, Min, QuerySet
from django.db.models.functions import TruncDate

from audit.actions import Action
from audit.masking import printable
from audit.models import Event
from audit.proof.checking import verify_log
from audit.proof.errors import Contradiction
from audit.proof.keys import signer_for, tree_for_update, verifiers
from audit.proof.models import Checkpoint, Retirement, Tree
from audit.proof.notes import RetirementText
from audit.proof.rows import read
from audit.proof.sealer import seal_everything
from audit.proof.verdict import Verdict
from audit.proof.vouching import voucher
from audit.retention.mandate import HELD_USER, KEPT, Mandate, as_configured, as_recorded, entries_between
from audit.retention.models import SHORTEST, LegalHold, RetentionPolicy
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_recent
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound

LONGEST = 36_500
BATCH = 5000
"""Entries that one transaction removes."""
NEAR = timedelta(hours=1)
"""A row of auditlog and its event are written in one transaction, which takes some time."""
CHECKPOINTS_KEPT = timedelta(days=30)
"""How long every checkpoint is kept; of older ones, the last of each day is."""


def retention_days(*, actor: Actor) -> int | None:
    """After how many days entries are removed; None is never."""
    require(actor, Permission.SETTINGS_READ)
    return as_configured().days


@transaction.atomic
def set_retention(days: int | None, *, actor: Actor) -> int:
    """Keep entries for ``days`` (None: forever). How many the next run would remove now.

    Raises :class:`Invalid` for less than :data:`SHORTEST` days.
    """
    require(actor, Permission.SETTINGS_WRITE)
    require_recent(actor)
    if days is not None and not SHORTEST <= days <= LONGEST:
        raise Invalid(f"entries are kept for {SHORTEST} days at least, and {LONGEST} at most", field="days")
    before = as_configured().days
    RetentionPolicy.objects.update_or_create(pk=1, defaults={"days": days, "updated_at": clock.now()})
    record(
        actor,
        Action.RETENTION_UPDATE,
        ("audit log", "retention"),
        f"set entries to be kept {_in_words(days)} (before: {_in_words(before)})",
        metadata={"days": days, "before": before},
    )
    return _due(as_configured()).count()


def _in_words(days: int | None) -> str:
    return "forever" if days is None else f"{days} days"


def holds(*, actor: Actor) -> QuerySet[LegalHold]:
    """Every legal hold, released ones too."""
    require(actor, Permission.SETTINGS_READ)
    return LegalHold.objects.all()


@transaction.atomic
def place_hold(reason: str, *, project: str = "", user_email: str = "", actor: Actor) -> LegalHold:
    """Keep the entries of ``project`` (a slug), of ``user_email``, or of both where both are given; else all.

    What was removed before stays removed.
    """
    require(actor, Permission.SETTINGS_WRITE)
    reason = reason.strip()
    if not 0 < len(reason) <= 200:
        raise Invalid("say why, in at most 200 characters", field="reason")
    if len(project) > 63 or len(user_email) > 254:
        raise Invalid("this is too long to be a slug or an email address", field="project")
    tree_for_update()  # a removal under way ends first, and the next one sees the hold
    hold = LegalHold.objects.create(
        project=project.strip(), user_email=user_email.strip().lower(), reason=reason, created_by=actor.label
    )
    record(
        actor,
        Action.LEGAL_HOLD_CREATE,
        hold,
        f"placed a {hold}: {reason}",
        project=hold.project,
        metadata={HELD_USER: hold.user_email},
    )
    return hold


@transaction.atomic
def release_hold(public_id: str, *, actor: Actor) -> LegalHold:
    """Let the policy reach these entries again. The hold stays on record as released."""
    require(actor, Permission.SETTINGS_WRITE)
    require_recent(actor)
    hold = LegalHold.objects.select_for_update().filter(public_id=public_id).first()
    if hold is None:
        raise NotFound(f"there is no hold '{printable(public_id[:60])}': temps retention holds lists them")
    if hold.released_at is not None:
        raise Conflict("this hold has been released already")
    hold.released_at, hold.released_by = clock.now(), actor.label
    hold.save(update_fields=["released_at", "released_by"])
    record(actor, Action.LEGAL_HOLD_RELEASE, hold, f"released the {hold}", project=hold.project)
    return hold


def retire_due(*, actor: Actor) -> int:
    """Remove every entry that has had its time and is not held; how many that were.

    Raises :class:`Contradiction`, and removes nothing, when the log does not verify or the policy is not the one that
    was recorded: nothing is signed for whoever changed either.
    """
    require(actor, Permission.SETTINGS_WRITE)
    seal_everything()
    removed = 0
    if _due(as_configured()).exists():
        verdict = _whole_log()
        while count := _retire_batch(verdict, actor):
            removed += count
            seal_everything()
    _thin_checkpoints()
    return removed


def _whole_log() -> Verdict:
    """What people once said about retention could be missing from a log in which anything is."""
    verdict = verify_log(verifiers(Tree.objects.get()), operations=KEPT)
    if not verdict.whole:
        raise Contradiction(f"the log does not verify, so nothing is removed: {verdict.problems[0]}")
    return verdict


@transaction.atomic
def _retire_batch(whole: Verdict, actor: Actor) -> int:
    tree = tree_for_update()
    vouches = voucher(tree)
    mandate = as_recorded([*whole.entries, *entries_between(whole.size, tree.size, vouches)])
    if mandate.days is None:
        return 0
    due = read(_due(mandate).order_by("position")[:BATCH], "position", "public_id")
    if not due:
        return 0
    for position, public_id, *columns in due:
        if not vouches(position, tuple(columns)):
            raise Contradiction(f"entry {position} ({public_id}) is not what was sealed, so nothing is removed")
    positions = [row[0] for row in due]
    ranges = list(_ranges(positions))
    signer, now = signer_for(tree), clock.now()
    Retirement.objects.bulk_create(
        Retirement(first=first, last=last, note=signer.sign(str(RetirementText(tree.origin, first, last, now))))
        for first, last in ranges
    )
    _forget_fields({row[1] for row in due}, Event.objects.filter(position__in=positions))
    with connection.cursor() as cursor:
        cursor.executemany("DELETE FROM audit_event WHERE position BETWEEN %s AND %s", ranges)
    record(
        actor,
        Action.AUDIT_RETIRE,
        ("audit log", tree.origin),
        f"removed {len(due)} entries older than {mandate.days} days",
        metadata={"count": len(due), "first": positions[0], "last": positions[-1], "days": mandate.days},
    )
    return len(due)


def _forget_fields(events: set[str], around: QuerySet[Event]) -> None:
    """What the fields were before and after goes with the event that tells of it (``audit.diffs``)."""
    times = around.aggregate(first=Min("timestamp"), last=Max("timestamp"))
    near = LogEntry.objects.filter(timestamp__gte=times["first"] - NEAR, timestamp__lte=times["last"] + NEAR)
    rows = near.values_list("pk", "additional_data").iterator(BATCH)
    gone = [key for key, data in rows if (data or {}).get("event") in events]
    for start in range(0, len(gone), 500):
        near.filter(pk__in=gone[start : start + 500]).delete()


def _due(mandate: Mandate) -> QuerySet[Event]:
    """Sealed entries that have had their time and that no hold protects."""
    held = mandate.held
    if mandate.days is None or held is None:
        return Event.objects.none()
    before = clock.now() - timedelta(days=mandate.days)
    old = Event.objects.filter(position__isnull=False, timestamp__lt=before)
    return old.exclude(held).exclude(operation__in=[kept.value for kept in KEPT])


def _ranges(positions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring positions as first and last."""
    first = last = -2
    for position in positions:
        if position != last + 1:
            if first >= 0:
                yield first, last
            first = position
        last = position
    if first >= 0:
        yield first, last


@transaction.atomic
def _thin_checkpoints() -> None:
    """One checkpoint a day proves as much about old entries as one a second; the newest always stays."""
    tree_for_update()
    old = Checkpoint.objects.filter(created_at__lt=clock.now() - CHECKPOINTS_KEPT).order_by()
    last_of_day = old.annotate(day=TruncDate("created_at")).values("day").annotate(newest=Max("id")).values("newest")
    old.exclude(pk__in=list(last_of_day.values_list("newest", flat=True))).delete()
