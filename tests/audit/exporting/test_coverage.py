from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from audit.exporting.coverage import Coverage, covering
from audit.models import Checkpoint, Tree
from audit.proof.keys import verifiers
from audit.proof.sealer import seal_everything
from temps.lib import clock
from tests.audit.exporting.made import FIRST, LAST, a_month, exported, happened, verified

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-06", "L-04")]


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path) -> None:
    """Files of exports end up in a directory of the test's own."""


def document(start: str, end: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        exported(start=date.fromisoformat(start), end=date.fromisoformat(end)).read_text()
    )
    return found


def descriptions(found: dict[str, Any]) -> list[str]:
    return [entry["description"] for entry in found["events"]]


def test_both_days_are_included_to_their_last_microsecond() -> None:
    inside = ["2024-01-01T00:00:00.000001", "2024-01-15T12:00:00", "2024-01-31T23:59:59.999999"]
    for moment in ("2023-12-31T23:59:59", *inside, "2024-02-01T00:00:00", "2024-02-01T00:00:01"):
        happened(moment)
    # With the entry that the first checkpoint of February sealed: up to there, nothing of January is missing.
    assert descriptions(document("2024-01-01", "2024-01-31")) == [*inside, "2024-02-01T00:00:00"]


def test_a_day_that_is_not_over_ends_with_the_newest_checkpoint() -> None:
    happened("2024-01-15T12:00:00", sealed=False)
    today = clock.now().date().isoformat()
    found = document("2024-01-01", today)
    assert found["end"] == Checkpoint.objects.order_by("-size")[0].size == 2
    assert [entry["operation"] for entry in found["events"]] == ["PROJECT_UPDATE", "AUDIT_EXPORT"]


def test_what_waits_to_be_sealed_is_sealed_first() -> None:
    happened("2024-01-15T12:00:00", sealed=False)
    assert "2024-01-15T12:00:00" in descriptions(document("2024-01-15", "2024-01-15"))


def test_an_entry_that_was_sealed_days_later_is_in_the_export_of_its_day() -> None:
    happened("2024-01-15T12:00:00", sealed=False)
    for moment in ("2024-01-20T12:00:00", "2024-01-21T12:00:00"):
        happened(moment, sealed=False)
    seal_everything()
    assert "2024-01-15T12:00:00" in descriptions(document("2024-01-15", "2024-01-15"))


def test_an_entry_that_claims_a_day_before_its_sealing_widens_the_export() -> None:
    happened("2024-01-10T12:00:00")
    late = happened("2024-01-05T12:00:00", sealed=False)  # its clock was wrong
    happened("2024-01-11T12:00:00")
    found = document("2024-01-05", "2024-01-05")
    assert late.description in descriptions(found)
    assert found["first"] in {0, *Checkpoint.objects.values_list("size", flat=True)}


@pytest.mark.parametrize(("start", "end"), [("2024-01-02", "2024-01-03"), ("2024-01-01", "2024-01-01")])
def test_an_export_says_from_when_to_when_nothing_is_missing(start: str, end: str) -> None:
    for day in range(1, 6):
        happened(f"2024-01-0{day}T12:00:00")
    report = verified(exported(start=date.fromisoformat(start), end=date.fromisoformat(end)))
    assert report.whole
    assert report.until is not None
    assert report.until.time.date().isoformat() > end
    assert (report.since.time.date().isoformat() < start) if report.since else start == "2024-01-01"


def test_days_before_the_log_hold_what_was_sealed_by_then() -> None:
    happened("2024-01-15T12:00:00")
    report = verified(exported(start=date(2020, 1, 1), end=date(2020, 1, 2)))
    assert (report.whole, report.since) == (True, None)


def test_days_to_come_hold_nothing_yet() -> None:
    happened("2024-01-15T12:00:00")
    report = verified(exported(start=date(2090, 1, 1), end=date(2090, 1, 2)))
    assert (report.whole, report.verified) == (True, 0)


def covered() -> Coverage:
    return covering(FIRST, LAST, verifiers(Tree.objects.get()))


def backdate(positions: Sequence[int]) -> None:
    """As somebody does it who has the database and wants these entries out of an export of their days."""
    with connection.cursor() as cursor:
        for position in positions:
            cursor.execute("UPDATE audit_event SET timestamp = '2023-06-01 00:00:00' WHERE position = %s", [position])
    sizes = [position + 1 for position in positions]
    Checkpoint.objects.filter(size__in=sizes).update(created_at=datetime(2023, 12, 20, tzinfo=UTC))


def test_times_that_were_not_signed_do_not_move_the_beginning() -> None:
    happened("2023-12-15T12:00:00")
    a_month()
    assert covered() == Coverage(1, 10)
    backdate([1, 2, 3])
    assert covered() == Coverage(1, 10)


def test_times_that_were_not_signed_do_not_move_the_end() -> None:
    a_month()
    happened("2024-02-02T08:00:00")
    Checkpoint.objects.filter(size__gt=4).update(created_at=datetime(2023, 6, 1, tzinfo=UTC))
    assert covered() == Coverage(0, 9)


def test_checkpoints_that_do_not_count_are_no_boundaries() -> None:
    happened("2023-12-15T12:00:00")
    a_month()
    old = Checkpoint.objects.get(size=1).note
    Checkpoint.objects.filter(size__in=[2, 3, 4]).update(note=old)  # signed, and about another size
    Checkpoint.objects.create(size=10**12, note=old)
    Checkpoint.objects.filter(size=10).update(note="nothing")
    happened("2024-02-02T08:00:00", sealed=False)
    assert covered() == Coverage(1, 9)


def test_it_is_found_among_many_checkpoints() -> None:
    for day in range(1, 29):
        for hour in (1, 23):
            happened(f"2024-02-{day:02}T{hour:02}:00:00")
    for day in range(2, 28):
        found = covering(date(2024, 2, day), date(2024, 2, day), verifiers(Tree.objects.get()))
        assert found == Coverage(2 * day - 2, 2 * day + 1)


def test_a_clock_that_went_wrong_makes_an_export_longer_and_no_worse() -> None:
    happened("2024-01-01T12:00:00")
    happened("2024-01-09T12:00:00")  # the clock was wrong, and was set right
    happened("2024-01-03T12:00:00")
    happened("2024-01-12T12:00:00")
    report = verified(exported(start=date(2024, 1, 9), end=date(2024, 1, 10)))
    assert (report.whole, report.statement and report.statement.first) == (True, 1)
