from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audit.models import Checkpoint
from audit.proof.sealer import seal_everything
from temps.lib import clock
from tests.audit.exporting.made import exported, happened, verified

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
