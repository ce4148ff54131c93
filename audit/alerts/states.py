"""The states of the audit log itself: that it is sealed, that nobody else writes to it, that its sinks take it.

Whoever can write to the database can write what these states are read from as well. So what was signed counts, and not
the columns beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

from audit.alerts.conditions import Standing, register
from audit.alerts.matching import is_sound
from audit.alerts.models import Alert, AlertState, Cursor, Rule, RuleKind, Severity
from audit.alerts.readable import readable
from audit.alerts.unread import signed_log, still_changed
from audit.models import Event, Tree
from audit.proof.vouching import newest_signed
from temps.lib import clock
from temps.lib.errors import TempsError
from temps.lib.signing import BadSignature

LATE_AFTER = timedelta(seconds=60)
"""Entries are sealed every few seconds; one that waits this long waits in vain."""
FOREIGN = "foreign_events"
CHANGED = "sealed entries"
"""The group of the alert about entries that are not what was sealed."""
NAMED = 20
"""Positions that this alert names, at most."""


def watch() -> None:
    register("sealing_failure", "The audit log is not sealed", sealing, severity=Severity.CRITICAL)
    register(FOREIGN, "Somebody else wrote to the audit log", foreign, severity=Severity.CRITICAL, about="what it is")
    register("dead_sink", "A sink of the audit log does not take it", sinks, about="sink")


def sealing() -> Iterator[Standing]:
    """Sealing says that it failed, or entries wait and nobody says anything."""
    tree = _tree()
    if tree is not None and tree.failure and not tree.foreign:
        yield Standing("", f"The audit log is not sealed: {tree.failure}", Severity.CRITICAL)
        return
    try:
        newest = newest_signed(tree) if tree is not None else None
    except (BadSignature, TempsError):
        title = "The audit log is not sealed: its newest checkpoint is none that a key of this log signed"
        yield Standing("", title, Severity.CRITICAL)
        return
    now = clock.now()
    if newest is not None and now - LATE_AFTER < newest.text.time <= now:
        return
    waiting = Event.objects.filter(position=None, timestamp__lt=now - LATE_AFTER).count()
    if waiting > (tree.foreign if tree is not None else 0):  # what others wrote waits for ever
        yield Standing("", "The audit log is not sealed: entries wait, and no worker seals them", Severity.CRITICAL)


def _tree() -> Tree | None:
    return Tree.objects.filter(pk=1).defer("failed_at").first()


def foreign() -> Iterator[Standing]:
    """Rows that Temps did not write, sealed entries that are not what was sealed, and rules or a place in the log that
    somebody bent so that alerts look away."""
    tree = _tree()
    if tree is not None and tree.foreign:
        noun = "entry was" if tree.foreign == 1 else "entries were"
        title = f"{tree.foreign} {noun} put into the audit log, or changed there, by somebody else than Temps"
        yield Standing("", title, Severity.CRITICAL, {"entries": tree.foreign})
    named = still_changed(positions_in(_open_details()))
    if named:
        yield changed(named)
    yield from _bent()


def changed(positions: Collection[int]) -> Standing:
    """That there is something else at ``positions`` than what was sealed."""
    first = sorted(positions)[:NAMED]
    title = f"The audit log was changed after it was sealed, from entry {first[0]} on: see temps audit verify"
    return Standing(CHANGED, title, Severity.CRITICAL, {"positions": first})


def positions_in(details: Any) -> list[int]:
    """What :func:`changed` named there."""
    named = details.get("positions") if isinstance(details, dict) else None
    return [one for one in named if type(one) is int][:NAMED] if isinstance(named, list) else []


def _open_details() -> Any:
    unresolved = Alert.objects.filter(rule__key=FOREIGN, group=CHANGED).exclude(state=AlertState.RESOLVED)
    return unresolved.values_list("details", flat=True).first()


def _bent() -> Iterator[Standing]:
    at = Cursor.objects.values_list("position", flat=True).first()  # before the log, which may grow meanwhile
    signed = signed_log()
    if at is not None and signed is not None and at > signed.size:
        title = f"Somebody had alerts pass over entries: they stood at {at}, and the log has {signed.size}"
        yield Standing("cursor", title, Severity.CRITICAL, {"stoodAt": at, "size": signed.size})
    rules = Rule.objects.exclude(kind=RuleKind.CONDITION).defer("created_at")
    sound = [rule.pk for rule in readable(rules) if is_sound(rule)]
    for public_id in rules.exclude(pk__in=sound).values_list("public_id", flat=True):
        title = "Somebody else than Temps wrote an alert rule, and it cannot be applied"
        yield Standing(f"rule {public_id}", title, Severity.CRITICAL, {"rule": public_id})


def sinks() -> Iterator[Standing]:
    from audit.sinks.services import dead_sinks  # here, because every process registers this function

    for sink in dead_sinks():
        title = f"A sink of the audit log fails: {sink.last_error or 'nobody knows why'}"
        yield Standing(sink.name, title, Severity.WARNING, {"sink": sink.public_id})
