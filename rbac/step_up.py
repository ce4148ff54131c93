"""Step-up: what is hard to undo asks again who is there, so that a session left open, or stolen, cannot do it.

A person confirms with the second factor, or with the password where none is enrolled. Programs cannot: what no program
may do at all is a permission that their credentials are refused (``rbac.permissions.REFUSED_TO``).
"""

from __future__ import annotations

from datetime import timedelta

from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.errors import Denied, TempsError

RECENT = timedelta(minutes=10)
ASKED = frozenset({CredentialKind.SESSION, CredentialKind.JWT})
"""The credentials of people. Whoever runs commands on the machine has the key file and the database already."""


class StepUpRequired(TempsError):
    """Nothing was changed: the person confirms, and does it again."""

    code = "step_up_required"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            "confirm that it is you, then do this again: POST your code as 'otp', or your password where you have no "
            "second factor, to /api/v1/auth/step-up"
        )


def is_recent(actor: Actor, *, left: timedelta = timedelta()) -> bool:
    """Whether ``actor`` need not confirm now, nor within the time ``left``."""
    if actor.credential.kind not in ASKED:
        return True
    return actor.confirmed_at is not None and clock.now() + left < actor.confirmed_at + RECENT


def require_recent(actor: Actor) -> None:
    """Raise :class:`StepUpRequired` unless ``actor`` confirmed who they are in the last ten minutes."""
    if not is_recent(actor):
        raise StepUpRequired


def require_person(actor: Actor) -> None:
    """As :func:`require_recent`, and raise :class:`~temps.lib.errors.Denied` for an API key: for what decides how
    people prove who they are. Whoever found a key would make themselves a person by it."""
    if actor.credential.kind is CredentialKind.API_KEY:
        raise Denied("this is for people alone: no API key may do it", actor=actor)
    require_recent(actor)
