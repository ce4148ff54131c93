"""The timeline: events by day and hour, one line each, runs of the same request on one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from audit.actions import Result
from audit.models import Event
from audit.reading import who

ICONS = {Result.SUCCESS.value: "check_circle", Result.DENIED.value: "block", Result.FAILURE.value: "error"}
WORST_FIRST = (Result.FAILURE.value, Result.DENIED.value, Result.SUCCESS.value)


@dataclass(frozen=True, slots=True)
class Line:
    """The newest event of a run, and the older ones of the same request beneath it."""

    event: Event
    more: list[Event]

    @property
    def result(self) -> str:
        """The worst in the run: a refusal does not hide behind what succeeded."""
        found = {event.result for event in (self.event, *self.more)}
        return next(result for result in WORST_FIRST if result in found)

    @property
    def icon(self) -> str:
        return ICONS[self.result]

    @property
    def who(self) -> str:
        return who(self.event)


@dataclass(frozen=True, slots=True)
class Hour:
    label: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    hours: list[Hour]


def days_of(events: Iterable[Event]) -> list[Day]:
    """``events``, newest first, as the page shows them."""
    return [
        Day(
            day,
            [Hour(label, _lines(hour)) for label, hour in groupby(of_day, lambda event: f"{event.timestamp:%H}:00")],
        )
        for day, of_day in groupby(events, lambda event: event.timestamp.date())
    ]


def _lines(events: Iterable[Event]) -> list[Line]:
    # What has no request id stands alone: its key is its own.
    runs = groupby(events, lambda event: event.request_id or event.public_id)
    return [Line(run[0], run[1:]) for _request, group in runs if (run := list(group))]
