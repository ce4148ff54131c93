"""Counting in a sliding window: when do the events of one group make an alert, and which belong to it?

No database here: events in, spells out. A *spell* is a stretch of matching events between which no gap is longer than
the window; it begins when the threshold is first reached within the window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

KEPT_EVENTS = 20
"""How many event ids an alert names; the filters of the log find the rest."""


@dataclass(frozen=True, slots=True)
class Match:
    """One event that a rule matches."""

    at: datetime
    event: str
    """The public id."""
    weight: int
    """How many occurrences it stands for: identical ones are folded into one event that bears their number."""
    is_new: bool
    """Not looked at before; others are there for their part in the window."""


@dataclass(slots=True)
class Spell:
    first_at: datetime
    last_at: datetime
    count: int = 0
    events: list[str] = field(default_factory=list)
    ended: bool = False
    """Has been quiet for the window, so that what follows is a spell of its own."""
    changed: bool = False

    def take(self, match: Match) -> None:
        self.first_at, self.last_at = min(self.first_at, match.at), max(self.last_at, match.at)
        self.count += match.weight
        if len(self.events) < KEPT_EVENTS:
            self.events.append(match.event)
        self.changed = True


def spells(matches: Iterable[Match], *, threshold: int, window: timedelta, last: Spell | None) -> list[Spell]:
    """The spells in ``matches`` (of one group, by time), beginning with ``last``, the newest that is known.

    Each new match counts exactly once. One that comes late and falls into the time of a spell that has ended is added
    to it; what came after such a spell begins from nothing.
    """
    found = [] if last is None else [last]
    recent: deque[Match] = deque()
    total = 0
    for match in matches:
        spell = found[-1] if found else None
        if spell is not None and match.at <= spell.last_at + (timedelta() if spell.ended else window):
            if match.is_new:
                spell.take(match)
            continue
        if spell is not None and not spell.ended:
            spell.ended = spell.changed = True
        recent.append(match)
        total += match.weight
        while recent[0].at <= match.at - window:
            total -= recent.popleft().weight
        if total >= threshold and any(one.is_new for one in recent):
            begun = Spell(recent[0].at, recent[0].at)
            for one in recent:
                begun.take(one)
            found.append(begun)
            recent.clear()
            total = 0
    return found
