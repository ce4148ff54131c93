from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction

from audit import counting
from audit.actions import Action, Result
from audit.console.chart import BOTTOM, HEIGHT, LEAST, chart_of
from audit.counting import MOST_BARS, STEPS, activity, step_for
from audit.models import Event
from audit.services import record
from temps.lib.actor import Actor

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-05")]
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def at(moment: datetime, result: Result = Result.SUCCESS, action: Action = Action.SETTINGS_UPDATE) -> None:
    with time_machine.travel(moment, tick=False), transaction.atomic():
        record(Actor.anonymous(), action, ("thing", "t"), "did it", result=result)


def test_events_are_counted_by_time_and_result() -> None:
    for moment in (NOON, NOON + timedelta(minutes=14, seconds=59), NOON + timedelta(minutes=15)):
        at(moment)
    at(NOON + timedelta(minutes=15), Result.DENIED)
    found = activity(Event.objects.all(), NOON, NOON + timedelta(hours=12))
    assert (found.step, found.total, found.is_cut) == (timedelta(minutes=15), 4, False)
    assert [bucket.total for bucket in found.buckets[:3]] == [2, 2, 0]
    assert found.buckets[1].counts == {Result.SUCCESS: 1, Result.DENIED: 1, Result.FAILURE: 0}
    assert found.buckets[0].start == NOON


def test_the_ends_belong_to_the_time_as_filters_say() -> None:
    for moment in (NOON - timedelta(seconds=1), NOON, NOON + timedelta(hours=1)):
        at(moment)
    assert activity(Event.objects.all(), NOON, NOON + timedelta(hours=1)).total == 1


def test_beyond_the_limit_the_newest_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "LIMIT", 2)
    for hours in (0, 5, 6):
        at(NOON + timedelta(hours=hours))
    found = activity(Event.objects.all(), NOON, NOON + timedelta(hours=7))
    assert (found.total, found.is_cut) == (2, True)
    assert found.buckets[0].start == NOON + timedelta(hours=5)
    assert found.step == timedelta(minutes=5)  # as fine as what is left allows


def test_exactly_the_limit_is_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "LIMIT", 2)
    for hours in (5, 6):
        at(NOON + timedelta(hours=hours))
    assert not activity(Event.objects.all(), NOON, NOON + timedelta(hours=7)).is_cut


@pytest.mark.parametrize("seconds", [60, 3600, 7 * 86400, 30 * 86400, 366 * 86400, 50 * 366 * 86400])
def test_there_are_never_too_many_bars(seconds: int) -> None:
    start = NOON + timedelta(seconds=17)
    found = activity(Event.objects.none(), start, start + timedelta(seconds=seconds))
    assert 1 <= len(found.buckets) <= MOST_BARS + 1


def test_steps_grow_with_the_time() -> None:
    spans = [timedelta(seconds=step * 30) for step in STEPS]
    assert [step_for(NOON, NOON + span) for span in spans] == sorted(step_for(NOON, NOON + span) for span in spans)


def test_the_most_frequent_come_first() -> None:
    for action in (Action.SYSTEM_START, Action.SETTINGS_UPDATE, Action.SETTINGS_UPDATE):
        at(NOON, action=action)
    found = activity(Event.objects.all(), NOON, NOON + timedelta(hours=1))
    assert found.operations == [("SETTINGS_UPDATE", 2), ("SYSTEM_START", 1)]
    assert found.people == [("anonymous", 3)]


def test_one_refusal_among_many_successes_is_visible_and_stands_on_the_line() -> None:
    at(NOON, Result.DENIED)
    found = activity(Event.objects.all(), NOON, NOON + timedelta(minutes=30))
    found.buckets[0].counts[Result.SUCCESS] = 5000
    refused, succeeded = chart_of(found).bars[0].segments
    assert (refused.result, refused.height) == ("denied", LEAST)
    assert refused.y + refused.height == HEIGHT - BOTTOM == succeeded.y + succeeded.height + refused.height


@pytest.mark.parametrize("most", [0, 1, 4, 5, 8, 9, 21, 41, 81, 100_000])
def test_the_scale_is_even_and_holds_the_highest_bar(most: int) -> None:
    found = activity(Event.objects.none(), NOON, NOON + timedelta(minutes=5))
    found.buckets[0].counts[Result.SUCCESS] = most
    chart = chart_of(found)
    assert all(segment.y >= 0 for bar in chart.bars for segment in bar.segments)
    labels = [int(row.label.replace(",", "")) for row in chart.rows]
    assert labels[-1] >= most
    assert len({labels[place + 1] - labels[place] for place in range(4)}) == 1
