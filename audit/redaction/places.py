"""Where else people of the log are named: rows and files that were made of entries, or of who asked for them.

The rooms that keep such things lie above this one, so each says here how it forgets somebody (from its ``apps.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from audit.redaction.person import Person

Forget = Callable[[Person], None]
"""Takes a person out of what a room keeps, in the transaction of the redaction. May raise
:class:`~temps.lib.errors.Conflict`, which stops all of it."""

_rooms: list[Forget] = []


def register(forget: Forget) -> None:
    if forget not in _rooms:
        _rooms.append(forget)


def forget_everywhere(person: Person) -> None:
    for forget in _rooms:
        forget(person)
