"""What is kept of the use of API keys: when and from where last, and events for what is worth reading.

A busy key would otherwise write a row with every request. The last use is written at most once a minute; the audit log
hears of a first use, of one from another address, and of use that goes on, once an hour each.
"""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.db import transaction

from accounts.key_secrets import Secret
from accounts.models import ApiKey
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Unavailable

WRITE_EVERY = timedelta(minutes=1)
TELL_EVERY = timedelta(hours=1)


COLUMNS = {
    Secret.CURRENT: ("last_used_at", "last_used_ip"),
    Secret.PREVIOUS: ("previous_used_at", "previous_used_ip"),
}
"""Kept apart, so that an owner sees when nothing uses the old secret any more."""


def note_use(key: ApiKey, secret: Secret, *, actor: Actor) -> None:
    """Keep the time and address of this use, unless the last minute's is kept already, and tell of it."""
    at, ip = COLUMNS[secret]
    now, address, last = clock.now(), actor.address or "", getattr(key, at)
    # Another address is told of however busy the key is: it may be a thief's.
    slot = f"{key.pk}:{secret.value}"
    elsewhere = address != getattr(key, ip) and _tells(f"{slot}:{address}")
    kept = last is not None and now - last < WRITE_EVERY
    if kept and not elsewhere:
        return
    try:
        with transaction.atomic():
            # Of the requests that arrive together one writes, and none for a secret that was rotated meanwhile.
            row = ApiKey.objects.filter(pk=key.pk, secret_hash=key.secret_hash, **{at: last})
            mine = not kept and row.update(**{at: now, ip: address})
            if elsewhere or (mine and _tells(slot)):
                _record_use(key, secret, actor)
    except Unavailable:
        cache.delete(_told(f"{slot}:{address}"))  # it was not told after all
        raise


def _record_use(key: ApiKey, secret: Secret, actor: Actor) -> None:
    old = secret is Secret.PREVIOUS
    text = f"the API key '{key.name}' was used" + (" with its old secret" if old else "")
    record(actor, Action.API_KEY_USE, key, text, metadata={"oldSecret": True} if old else None)


def _tells(what: str) -> bool:
    """Whether this was not told in the last hour."""
    return bool(cache.add(_told(what), 1, TELL_EVERY.total_seconds()))


def _told(what: str) -> str:
    return f"api-key-told:{what}"


def note_refusal(key: ApiKey, reason: str, *, actor: Actor) -> None:
    """Tell the audit log that a key with the right secret was refused."""
    record_folded(
        actor,
        Action.API_KEY_USE,
        ("apikey", key.public_id),
        f"the API key '{key.name}' was refused: {reason}",
        metadata={"reason": reason},
        result=Result.FAILURE,
    )
