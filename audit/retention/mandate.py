"""What the log itself says may be removed.

The policy and the holds have rows of their own, and somebody with the database alone could change those, wait for the
worker, and have evidence removed under a signature. So the removal goes by the entries in which people set the policy
and placed holds, which nobody can change unseen; those entries are never removed themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from audit.actions import Action
from audit.proof.errors import Contradiction
from audit.proof.hashing import OPERATION, rows_of
from audit.proof.rows import entry
from audit.proof.vouching import Vouches
from audit.retention.models import LegalHold, RetentionPolicy

KEPT = (
    *(Action.RETENTION_UPDATE, Action.LEGAL_HOLD_CREATE, Action.LEGAL_HOLD_RELEASE),
    *(Action.AUDIT_RETIRE, Action.AUDIT_REDACT),
)
HELD_USER = "heldUser"
"""In the metadata of an entry about a hold: whose entries are held."""


@dataclass(frozen=True, slots=True)
class Mandate:
    days: int | None
    holds: frozenset[tuple[str, str]]
    """Project and person, either of them empty for all."""

    @property
    def held(self) -> Q | None:
        """What holds protect; None for everything."""
        protected = Q()
        for project, user in self.holds:
            if not project and not user:
                return None
            protected |= Q(**{"project": project} if project else {}, **{"user_email": user} if user else {})
        return protected


def as_configured() -> Mandate:
    """By the rows: what console, API and command line show."""
    days = RetentionPolicy.objects.filter(pk=1).values_list("days", flat=True).first()
    unreleased = LegalHold.objects.filter(released_at=None)
    return Mandate(days, frozenset(unreleased.values_list("project", "user_email")))


def as_recorded(entries: Iterable[dict[str, Any]]) -> Mandate:
    """By the rows as far as the log bears them out: ``entries`` are those of :data:`KEPT`, all of them, as sealed. A
    hold that the log knows holds whatever its row says.

    Raises :class:`Contradiction` when the policy is not the one that was recorded last.
    """
    configured, entries = as_configured(), list(entries)
    policies = [told["metadata"].get("days") for told in entries if told["operation"] == Action.RETENTION_UPDATE]
    if configured.days is not None and configured.days != (policies[-1] if policies else None):
        raise Contradiction("the retention policy is not the one that was recorded, so nothing is removed")
    return Mandate(configured.days, configured.holds | held_in_log(entries))


def held_in_log(entries: Iterable[dict[str, Any]]) -> frozenset[tuple[str, str]]:
    """Project and person of every hold that was placed and not released, by the ``entries`` that tell of them."""
    held, released = dict[str, tuple[str, str]](), set[str]()
    for told in entries:
        if told["operation"] == Action.LEGAL_HOLD_CREATE:
            details = told["metadata"]
            held[told["resourceId"]] = details["project"], str(details.get(HELD_USER, ""))
        elif told["operation"] == Action.LEGAL_HOLD_RELEASE:
            released.add(told["resourceId"])
    return frozenset(what for hold, what in held.items() if hold not in released)


def entries_between(start: int, end: int, vouches: Vouches) -> list[dict[str, Any]]:
    """Those that were sealed since the log was looked at. Raises :class:`Contradiction` unless each is as sealed."""
    rows = rows_of(start, end)
    if [row[0] for row in rows] != list(range(start, end)) or not all(vouches(row[0], row[1:]) for row in rows):
        raise Contradiction("the newest entries are not those that were sealed, so nothing is removed")
    return [entry(row[1:]) for row in rows if row[OPERATION] in KEPT]
