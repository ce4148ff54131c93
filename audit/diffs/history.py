"""The history of one object: the events about it, and those in which it changed beside something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet

from audit.diffs.identity import Identity
from audit.diffs.noticed import Diff
from audit.diffs.sealed import TOO_LONG
from audit.diffs.tracking import model_called
from audit.models import Event
from audit.reading import visible_events
from temps.lib.actor import Actor

BESIDE_LIMIT = 1000
"""Changes beside something else that are looked up of one object, the newest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as the history of an object shows it."""

    event: Event
    changes: Diff
    """What it did to the fields of this very object; empty where it changed none."""


def history_of(resource: Identity, *, actor: Actor) -> QuerySet[Event]:
    """The events about ``resource`` that ``actor`` may see, newest first. Objects that are gone have theirs too."""
    about = Q(resource_type=resource[0], resource_id=resource[1])
    rows = _rows_of(resource).order_by("-id").values_list("additional_data", flat=True)[:BESIDE_LIMIT]
    beside = {str(data["event"]) for data in rows if data and "event" in data}
    return visible_events(actor).filter(about | Q(public_id__in=beside)).order_by("-id")


def entries_of(resource: Identity, events: Sequence[Event]) -> list[Entry]:
    """``events`` with what they did to ``resource``, in one query more if any of them had to cut something."""
    told = {event.public_id: changes_in(event, resource) for event in events}
    cut = [event for event in events if _is_cut(told[event.public_id])]
    rows = _rows_of(resource).filter(cid__in={event.request_id for event in cut}).order_by("id") if cut else []
    whole: dict[str, Diff] = {}
    for row in rows:
        whole.setdefault(str((row.additional_data or {}).get("event")), {}).update(row.changes or {})
    return [Entry(event, _filled(told[event.public_id], whole.get(event.public_id, {}))) for event in events]


def changes_in(event: Event, resource: Identity) -> Any:
    """What the event itself, and with it the seal, says of ``resource``: a diff, or that it was too long."""
    if (event.resource_type, event.resource_id) == resource:
        return event.metadata.get("changes", {})
    beside: Iterable[dict[str, Any]] = event.metadata.get("alsoChanged", [])
    for one in beside:
        if (one["resourceType"], one["resourceId"]) == resource:
            return one["changes"]
    return TOO_LONG  # counted there, and not listed


def _rows_of(resource: Identity) -> QuerySet[Any]:
    model = model_called(resource[0])
    rows: QuerySet[Any] = LogEntry.objects.filter(object_pk=resource[1])
    return rows.none() if model is None else rows.filter(content_type=ContentType.objects.get_for_model(model))


def _is_cut(told: Any) -> bool:
    return told == TOO_LONG or any(pair == TOO_LONG or TOO_LONG in pair for pair in told.values())


def _filled(told: Any, whole: Diff) -> Diff:
    """What the event says, with what it had no room for from auditlog's table."""
    if told == TOO_LONG:
        return whole
    return {
        name: whole.get(name, [TOO_LONG, TOO_LONG]) if pair == TOO_LONG or TOO_LONG in pair else pair
        for name, pair in told.items()
    }
