"""The states of the audit log itself: that it is sealed, that nobody else writes to it, that its sinks take it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from audit.alerts.conditions import Standing, register
from audit.alerts.models import Severity
from audit.models import Checkpoint, Event, Tree
from audit.sinks.services import dead_sinks
from temps.lib import clock

LATE_AFTER = timedelta(seconds=60)
"""Entries are sealed every few seconds; one that waits this long waits in vain."""


def watch() -> None:
    register("sealing_failure", "The audit log is not sealed", sealing, severity=Severity.CRITICAL)
    register("foreign_events", "Somebody else wrote to the audit log", foreign, severity=Severity.CRITICAL)
    register("dead_sink", "A sink of the audit log does not take it", sinks)


def sealing() -> Iterator[Standing]:
    """Sealing says that it failed, or entries wait and nobody says anything."""
    tree = Tree.objects.first()
    if tree is not None and tree.failure and not tree.foreign:
        yield Standing("", f"The audit log is not sealed: {tree.failure}", Severity.CRITICAL)
        return
    late = clock.now() - LATE_AFTER
    if Checkpoint.objects.filter(created_at__gt=late).exists():
        return
    waiting = Event.objects.filter(position=None, timestamp__lt=late).count()
    if waiting > (tree.foreign if tree is not None else 0):  # what others wrote waits for ever
        yield Standing("", "The audit log is not sealed: entries wait, and no worker seals them", Severity.CRITICAL)


def foreign() -> Iterator[Standing]:
    tree = Tree.objects.first()
    if tree is not None and tree.foreign:
        noun = "entry was" if tree.foreign == 1 else "entries were"
        title = f"{tree.foreign} {noun} put into the audit log, or changed there, by somebody else than Temps"
        yield Standing("", title, Severity.CRITICAL, {"entries": tree.foreign})


def sinks() -> Iterator[Standing]:
    for sink in dead_sinks():
        title = f"A sink of the audit log fails: {sink.last_error or 'nobody knows why'}"
        yield Standing(sink.name, title, Severity.WARNING, {"sink": sink.public_id})
