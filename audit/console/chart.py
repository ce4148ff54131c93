"""Geometry of the chart: an :class:`~audit.counting.Activity` as rectangles and lines of an SVG image.

Across, everything is in percent of the width, so that the chart fits a phone as it fits a desk and its words keep their
size; upright, it is in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.actions import Result
from audit.counting import DAY, Activity, Bucket

HEIGHT = 260
TOP, BOTTOM = 10, 28
LEAST = 3.0
"""Pixels that even a single event gets: one refusal beside a thousand successes must not vanish."""
STACK = (Result.FAILURE, Result.DENIED, Result.SUCCESS)
"""From the bottom: what went wrong stands on the line, where it can be compared."""
MOST_LABELS = 6
"""On a phone the style leaves out every other one."""
LABEL_ROOM = 8.0
"""Percent that half a label takes: nearer to the right edge it would be cut."""


@dataclass(frozen=True, slots=True)
class Segment:
    result: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    width: float
    segments: list[Segment]
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    rows: list[Mark]
    columns: list[Mark]
    height: int = HEIGHT


def chart_of(activity: Activity) -> Chart:
    buckets = activity.buckets
    top = _round_up(max((bucket.total for bucket in buckets), default=0))
    slot = 100 / max(1, len(buckets))
    every = -(-len(buckets) // MOST_LABELS) or 1
    scale = (HEIGHT - TOP - BOTTOM) / top
    return Chart(
        bars=[_bar(bucket, slot * place, slot, scale, activity.step) for place, bucket in enumerate(buckets)],
        rows=[Mark(round(HEIGHT - BOTTOM - value * scale, 1), f"{value:,}") for value in _ticks(top)],
        columns=[
            Mark(round(slot * (place + 0.5), 2), _label(bucket.start, activity.step))
            for place, bucket in enumerate(buckets)
            if place % every == 0 and slot * (place + 0.5) < 100 - LABEL_ROOM
        ],
    )


def span(bucket: Bucket, step: timedelta) -> str:
    """The time of a bar in words, as tooltip and table say it."""
    if step.total_seconds() >= DAY:
        last = bucket.end - timedelta(days=1)
        return f"{bucket.start:%Y-%m-%d}" + (f" to {last:%Y-%m-%d}" if last > bucket.start else "")
    return f"{bucket.start:%Y-%m-%d %H:%M} to {bucket.end:%H:%M}"


def _bar(bucket: Bucket, x: float, slot: float, scale: float, step: timedelta) -> Bar:
    segments, y = [], float(HEIGHT - BOTTOM)
    for result in STACK:
        if bucket.counts[result]:
            height = max(LEAST, bucket.counts[result] * scale)
            y -= height
            segments.append(Segment(result.value, round(y, 1), round(height, 1)))
    said = ", ".join(f"{bucket.counts[result]} {result}" for result in reversed(STACK) if bucket.counts[result])
    gap = min(0.4, slot * 0.2)
    return Bar(round(x + gap / 2, 2), round(slot - gap, 2), segments, f"{span(bucket, step)}: {said or 'nothing'}")


def _round_up(value: int) -> int:
    """The next number that makes an even scale: 4, 8, 20, 40, 80, 200 and so on."""
    size = 4
    while size < value:
        size = size * 5 // 2 if str(size).startswith("8") else size * 2 if str(size)[0] in "24" else size * 10
    return size


def _ticks(top: int) -> list[int]:
    return [top * quarter // 4 for quarter in range(5)]


def _label(moment: datetime, step: timedelta) -> str:
    return (
        f"{moment:%b} {moment.day}" if step.total_seconds() >= 6 * 3600 else f"{moment:%b} {moment.day} {moment:%H:%M}"
    )
