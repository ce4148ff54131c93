"""What the log holds on a person, for the archive of their data, and how it forgets them (``accounts.privacy``)."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from accounts.models import User
from accounts.privacy.holders import Erased, Holder, register
from audit.models import Event
from temps.lib.actor import Actor


def register_log() -> None:
    register(Holder("audit", _entries, _forget))


def _entries(user: User) -> list[dict[str, Any]]:
    """The entries by this person, and those about them."""
    about = Q(user_id=user.public_id) | Q(resource_type="user", resource_id=user.public_id)
    return [event.as_entry() for event in Event.objects.filter(about).order_by("id").iterator()]


def _forget(person: Erased, actor: Actor) -> None:
    from audit.redaction.services import redact_person  # here, because every process registers what is above

    redact_person(user_id=person.id, email=person.email, name=person.name, actor=actor)
