"""Entries to remove, or to keep."""

from __future__ import annotations

from django.db import transaction

from audit.actions import Action
from audit.models import Event
from audit.services import record
from temps.lib.actor import Actor

OPERATOR = Actor.operator()
SYSTEM = Actor.system("audit.retention")


def write(count: int, project: str = "shop", actor: Actor = OPERATOR) -> None:
    for number in range(count):
        with transaction.atomic():
            record(actor, Action.PROJECT_UPDATE, ("project", project), f"change {number}", project=project)


def left() -> list[int | None]:
    """The positions of the entries about projects."""
    about = Event.objects.filter(operation=Action.PROJECT_UPDATE, position__isnull=False)
    return list(about.order_by("position").values_list("position", flat=True))
