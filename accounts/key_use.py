"""What is kept of the use of API keys: when and from where last, and events for what is worth reading.

A busy key would otherwise write a row with every request. The last use is written at most once a minute; the audit log
hears of a first use, of one from a new address, and of use that goes on, once an hour.
"""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.db import transaction

from accounts.models import ApiKey
from audit.actions import Action, Result
from audit.services import record
from temps.lib import clock
from temps.lib.actor import Actor

WRITE_EVERY = timedelta(minutes=1)
TELL_EVERY = timedelta(hours=1)


def note_use(key: ApiKey, *, actor: Actor) -> None:
    """Keep the time and address of this use, unless the last minute's is kept already."""
    now, address = clock.now(), actor.address or ""
    if key.last_used_at is not None and now - key.last_used_at < WRITE_EVERY:
        return
    with transaction.atomic():
        # Of the requests that arrive together one writes.
        mine = ApiKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at)
        if not mine.update(last_used_at=now, last_used_ip=address):
            return
        if address != key.last_used_ip or cache.add(f"api-key-told:{key.pk}", 1, TELL_EVERY.total_seconds()):
            record(actor, Action.API_KEY_USE, key, f"the API key '{key.name}' was used")


def note_refusal(key: ApiKey, reason: str, *, actor: Actor) -> None:
    """Tell the audit log, once a minute at most, that a key with the right secret was refused."""
    if not cache.add(f"api-key-refused:{key.pk}", 1, WRITE_EVERY.total_seconds()):
        return
    with transaction.atomic():
        record(
            actor,
            Action.API_KEY_USE,
            key,
            f"the API key '{key.name}' was refused: {reason}",
            metadata={"reason": reason},
            result=Result.FAILURE,
        )
