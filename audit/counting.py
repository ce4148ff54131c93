"""Counting events by time and result: what the charts draw. Exact, over a bounded number of the newest events."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, Func, QuerySet

from audit.actions import Result
from audit.models import Event

LIMIT = 100_000
"""Events that are counted, the newest of those that match. More would take seconds, and the page says that it is so."""
MOST_BARS = 60
TOP = 8
"""Operations and people that are listed."""
DAY = 86400
STEPS = (60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, DAY, 7 * DAY, 28 * DAY)
"""Seconds that one bar may stand for: whole minutes, which is what is counted by."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bucket:
    start: datetime
    end: datetime
    counts: dict[Result, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Activity:
    """``buckets`` are in the order of time and without gaps, ``operations`` and ``people`` the most frequent ones."""

    step: timedelta
    buckets: list[Bucket]
    operations: list[tuple[str, int]]
    people: list[tuple[str, int]]
    """By email, or by id where there is none."""
    total: int
    is_cut: bool
    """Whether older events match that were not counted; the first bucket is then where counting stopped."""


class _Minute(Func):
    """Minutes from the epoch to a time, by the database's own arithmetic: cheaper than a hundred thousand dates."""

    output_field = BigIntegerField()

    # Of the four signs, two go into the template and one into the parameters of the driver.
    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / 60)"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / 60)::bigint)"
        return self.as_sql(compiler, connection, template=template, **context)


def activity(rows: QuerySet[Event], start: datetime, end: datetime) -> Activity:
    """What ``rows`` between ``start`` and ``end`` amount to: one query, and counting of what it gives.

    Grouping in the database takes three queries, and SQLite walks the whole table for each, to have it sorted.
    """
    newest = rows.filter(timestamp__gte=start, timestamp__lt=end).order_by("-timestamp")
    columns = newest.values_list(_Minute("timestamp"), "result", "operation", "user_email", "user_id")
    minutes: Counter[tuple[int, str]] = Counter()
    operations: Counter[str] = Counter()
    people: Counter[str] = Counter()
    is_cut = False
    for place, (minute, result, operation, email, user_id) in enumerate(columns[: LIMIT + 1]):
        if place == LIMIT:
            is_cut = True
            break
        minutes[minute, result] += 1
        operations[operation] += 1
        people[email or user_id] += 1
    if is_cut:  # what is drawn begins where counting stopped
        start = EPOCH + timedelta(minutes=min(minute for minute, _result in minutes))
    step = step_for(start, end)
    return Activity(
        step=timedelta(seconds=step),
        buckets=_buckets(minutes, start, end, step),
        operations=operations.most_common(TOP),
        people=people.most_common(TOP),
        total=minutes.total(),
        is_cut=is_cut,
    )


def step_for(start: datetime, end: datetime) -> int:
    """Seconds for one bar, so that there are :data:`MOST_BARS` at most."""
    seconds = (end - start).total_seconds()
    for step in STEPS:
        if seconds / step <= MOST_BARS - 1:  # the first and the last may stick out
            return step
    return DAY * (1 + int(seconds / DAY / (MOST_BARS - 1)))


def _buckets(minutes: Counter[tuple[int, str]], start: datetime, end: datetime, step: int) -> list[Bucket]:
    """Every bucket from ``start`` to ``end``; they lie at multiples of ``step`` from the epoch, days at midnight."""
    counts: Counter[tuple[int, str]] = Counter()
    for (minute, result), count in minutes.items():
        counts[minute * 60 // step, result] += count
    width = timedelta(seconds=step)
    first, last = (start - EPOCH) // width, (end - timedelta(microseconds=1) - EPOCH) // width
    return [
        Bucket(
            EPOCH + number * width,
            EPOCH + (number + 1) * width,
            {result: counts[number, result.value] for result in Result},
        )
        for number in range(first, max(first, last) + 1)
    ]
