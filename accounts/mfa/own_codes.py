"""New recovery codes in a request, which its own session outlives."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.mfa.recovery import make_recovery_codes, recovery_codes_of
from accounts.models import User
from accounts.sessions import confirmed_factor, mark_confirmed
from temps.lib.actor import Actor


def renew_own_codes(request: HttpRequest, user: User, *, actor: Actor) -> list[str]:
    """Ten new codes. A session that an old code opened ends with it; not this one, whose owner has just confirmed."""
    before = recovery_codes_of(user)
    codes = make_recovery_codes(user, actor=actor)
    made = recovery_codes_of(user)
    if before and made and confirmed_factor(request.session, user) == before.public_id:
        mark_confirmed(request.session, user, made.public_id, at=actor.confirmed_at)
    return codes
