"""One event on a page of its own: its fields, how it is sealed, and the way to everything like it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from audit.console.seal_state import state_of
from audit.diffs.console import Fields, fields_of
from audit.models import Event
from audit.reading import who
from audit.strangers import is_stand_in
from temps.lib import clock, ids
from temps.lib.actor import Actor

AROUND = timedelta(hours=1)
"""A request takes seconds; looking no further than this before and after keeps the search short in a long log."""
SHOWN_ABOVE = frozenset({"eventId", "requestId", "project", "actorKind"})
"""What the entry repeats in its metadata and the page shows as fields."""


def context_of(event: Event, *, actor: Actor) -> dict[str, Any]:
    entry = event.as_entry()
    diffs, metadata = diffs_of(entry["metadata"])
    return {
        "event": event,
        "who": who(event),
        "fields": _fields(event),
        "diffs": diffs,
        "metadata": [(name, _text(value)) for name, value in metadata.items() if name not in SHOWN_ABOVE],
        "raw": json.dumps(entry, indent=2, ensure_ascii=False),
        "seal": state_of(event, actor=actor),
        "links": list(_links(event)),
    }


def diffs_of(metadata: dict[str, Any]) -> tuple[list[tuple[str, Fields]], dict[str, Any]]:
    """What changed, of the object itself and of others beside it, and the metadata that is left."""
    own, beside = fields_of(metadata.get("changes")), metadata.get("alsoChanged")
    told = [("", own)] if own else []
    left = {name: value for name, value in metadata.items() if name != "changes" or not own}
    if isinstance(beside, list) and all(isinstance(one, dict) for one in beside):
        del left["alsoChanged"]
        told += [
            (f"{one.get('resourceType')} {one.get('resourceId')}", fields_of(one.get("changes"))) for one in beside
        ]
    return told, left


def _fields(event: Event) -> list[tuple[str, str]]:
    return [
        ("Time", clock.iso_exact(event.timestamp)),
        ("Who", who(event)),
        ("User id", event.user_id),
        ("Kind of actor", event.actor_kind),
        ("Address", event.ip_address or "none: a command or a task"),
        ("User agent", event.user_agent or "none"),
        ("Operation", event.operation),
        ("Object", f"{event.resource_type} {event.resource_id}"),
        ("Project", event.project or "none: the platform"),
        ("Result", event.result),
        ("Request", event.request_id or "none"),
        ("Event id", event.public_id),
    ]


def _links(event: Event) -> list[tuple[str, str]]:
    """A label and an address for each way to more of the same; none from a row that is nothing of ours."""
    if is_stand_in(event):
        return []
    day = {"since": clock.iso(event.timestamp - AROUND), "until": clock.iso(event.timestamp + AROUND)}
    ways = (
        ("The same request", {"request": event.request_id} | day, event.request_id),
        ("The same person or service", {"user": event.user_email or event.user_id}, event.user_id),
        ("The same object", {"resource": f"{event.resource_type}:{event.resource_id}"}, event.resource_id),
        ("The same address", {"address": event.ip_address}, event.ip_address),
        ("The same operation", {"operation": event.operation}, event.operation),
    )
    here = reverse("admin:audit_event_changelist")
    found = [(label, f"{here}?{urlencode(given)}") for label, given, known in ways if known]
    if ids.fits(first := event.metadata.get("first", ""), "evt"):
        found.append(("The first of these repetitions", reverse("admin:audit_event_change", args=[first])))
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
