"""Who holds what about a person. Each room registers what it keeps, so that an export leaves nothing out and an erasure
leaves nothing behind, and a new room is asked for its part by a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from temps.lib.actor import Actor


@dataclass(frozen=True, slots=True)
class Erased:
    """Who a person was whose account is gone."""

    id: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Holder:
    name: str
    """What its part of the archive is called."""
    export: Callable[[User], Any]
    """What it holds on this person, as plain JSON without secrets."""
    erase: Callable[[Erased, Actor], None] | None = None
    """Forget the person: last in the transaction of the erasure, when the account is gone and that is recorded. None
    where all of it goes with the account (``on_delete=CASCADE``)."""


_holders: dict[str, Holder] = {}


def register(holder: Holder) -> None:
    _holders[holder.name] = holder


def holders() -> list[Holder]:
    """All that were registered, by name."""
    return [_holders[name] for name in sorted(_holders)]
