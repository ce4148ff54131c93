"""Changing what an API key may do. Less is easy; more needs all that making the key anew would need."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.api_keys import clean_networks, locked, refuse_more_than_held, require_maker, require_narrower
from accounts.models import ApiKey
from accounts.scopes import parse_scopes
from audit.actions import Action
from audit.services import record
from rbac.step_up import require_recent
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.client_ip import parse_networks

NEVER = timedelta.max
"""As ``expires_in``: the key does not expire."""


@transaction.atomic
def change_api_key(
    key: ApiKey,
    *,
    actor: Actor,
    scopes: str | Iterable[str] | None = None,
    allowed_networks: Iterable[str] | None = None,
    expires_in: timedelta | None = None,
) -> ApiKey:
    """Change the limits of a key that works; None leaves one as it is, and ``expires_in`` counts from now.

    Its owner, and whoever has ``api_keys:update``, may always take away. Whatever gives the key more (a scope, an
    address, a later end) needs the rights of making it, a recent confirmation, and every right that it would have.
    """
    require_narrower(key, actor)
    current = locked(key)
    after: dict[str, Any] = {
        "scopes": current.scopes if scopes is None else parse_scopes(scopes),
        "allowed_networks": current.allowed_networks if allowed_networks is None else clean_networks(allowed_networks),
        "expires_at": _end(current, expires_in),
    }
    if _gives_more(current, **after):
        require_maker(current.owner, actor)
        require_recent(actor)
        refuse_more_than_held(current.owner, after["scopes"], actor)
    changed = [name for name, value in after.items() if getattr(current, name) != value]
    if changed:
        for name in changed:
            setattr(current, name, after[name])
        current.save(update_fields=changed)
        record(actor, Action.API_KEY_UPDATE, current, f"changed the API key '{current.name}' of {current.owner.email}")
    return current


def _end(key: ApiKey, expires_in: timedelta | None) -> datetime | None:
    if expires_in is None:
        return key.expires_at
    return None if expires_in == NEVER else clock.now() + expires_in


def _gives_more(key: ApiKey, scopes: list[str], allowed_networks: list[str], expires_at: datetime | None) -> bool:
    return (
        not set(scopes) <= set(key.scopes)
        or not _all_within(allowed_networks, key.allowed_networks)
        or (key.expires_at is not None and (expires_at is None or expires_at > key.expires_at))
    )


def _all_within(networks: list[str], wider: list[str]) -> bool:
    """Whether each of ``networks`` lies in one of ``wider``. An empty list is everywhere."""
    if not wider or not networks:
        return not wider
    around = parse_networks(wider)
    return all(any(_contains(big, small) for big in around) for small in parse_networks(networks))


def _contains(big: Any, small: Any) -> bool:
    return bool(big.version == small.version and small.subnet_of(big))
