"""What is kept of the use of API keys: when and from where last, and events for what is worth reading.

A busy key would otherwise write a row with every request. The last use is written at most once a minute; the audit log
hears of a first use, of one from another address, and of use that goes on, once an hour each.
"""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.db import transaction

from accounts.models import ApiKey
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Unavailable

WRITE_EVERY = timedelta(minutes=1)
TELL_EVERY = timedelta(hours=1)


def note_use(key: ApiKey, *, actor: Actor) -> None:
    """Keep the time and address of this use, unless the last minute's is kept already, and tell of it."""
    now, address = clock.now(), actor.address or ""
    # Another address is told of however busy the key is: it may be a thief's.
    elsewhere = address != key.last_used_ip and _tells(f"{key.pk}:{address}")
    kept = key.last_used_at is not None and now - key.last_used_at < WRITE_EVERY
    if kept and not elsewhere:
        return
    try:
        _write(key, address, actor=actor, kept=kept, elsewhere=elsewhere)
    except Unavailable:
        cache.delete(_told(f"{key.pk}:{address}"))  # it was not told after all
        raise


def _write(key: ApiKey, address: str, *, actor: Actor, kept: bool, elsewhere: bool) -> None:
    with transaction.atomic():
        # Of the requests that arrive together one writes.
        row = ApiKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at)
        mine = not kept and row.update(last_used_at=clock.now(), last_used_ip=address)
        if elsewhere or (mine and _tells(str(key.pk))):
            record(actor, Action.API_KEY_USE, key, f"the API key '{key.name}' was used")


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
