"""A new secret for an API key, while the old one works on for a while: nothing that uses the key goes down.

What makes a key, or gives out its secret, needs the rights of making one. What only takes away is for the owner, and
for whoever may change keys.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from accounts.api_keys import locked, refuse_more_than_held, require_maker, require_narrower
from accounts.key_format import new_secret_of
from accounts.key_secrets import hash_of
from accounts.models import ApiKey
from audit.actions import Action
from audit.services import record
from rbac.step_up import require_recent
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.durations import parse_duration
from temps.lib.errors import Conflict, Invalid

DEFAULT_GRACE = timedelta(hours=24)
MOST_GRACE = timedelta(days=30)


def parse_grace(text: str) -> timedelta:
    """``24h``, or ``0`` for none. Raises :class:`Invalid`."""
    return timedelta() if text.strip() == "0" else parse_duration(text, field="grace")


@transaction.atomic
def rotate_api_key(key: ApiKey, *, actor: Actor, grace: timedelta = DEFAULT_GRACE) -> tuple[ApiKey, str]:
    """Give the key another secret; the key as it is now is in the answer, and nowhere else afterwards.

    Id, public part, scopes and expiry stay. The secret until now works for ``grace`` longer; the one before it, if a
    rotation was still under way, ends. Raises :class:`Conflict` for a key that works no more, whose owner is disabled
    included.
    """
    require_maker(key.owner, actor)
    require_recent(actor)
    if not timedelta() <= grace <= MOST_GRACE:
        raise Invalid("the old secret works for 30 days longer at most; 0 ends it at once", field="grace")
    current = locked(key)
    refuse_more_than_held(current.owner, current.scopes, actor)
    if not current.owner.is_active:
        raise Conflict(f"{current.owner.email} is disabled, and so is this key")
    made, now = new_secret_of(current.prefix), clock.now()
    ends = now + grace if grace else None
    if ends is not None and current.expires_at is not None:
        ends = min(ends, current.expires_at)
    current.previous_hash = current.secret_hash if ends else ""
    current.previous_expires_at = ends
    current.previous_used_at, current.previous_used_ip = None, ""
    current.secret_hash, current.rotated_at = hash_of(made.secret), now
    current.save()
    text = f"gave the API key '{current.name}' of {current.owner.email} a new secret"
    record(actor, Action.API_KEY_ROTATE, current, text, metadata={"oldSecretUntil": ends and clock.iso(ends)})
    return current, made.token


@transaction.atomic
def end_grace(key: ApiKey, *, actor: Actor) -> ApiKey:
    """End the old secret of a rotated key now, from the next request on in every process."""
    require_narrower(key, actor)
    current = ApiKey.objects.select_for_update(of=("self",)).select_related("owner").get(pk=key.pk)
    if not current.has_old_secret_at(clock.now()):
        raise Conflict(f"the API key '{current.name}' has no old secret that still works")
    current.previous_hash, current.previous_expires_at = "", clock.now()
    current.save(update_fields=["previous_hash", "previous_expires_at"])
    text = f"ended the old secret of the API key '{current.name}' of {current.owner.email}"
    record(actor, Action.API_KEY_UPDATE, current, text)
    return current
