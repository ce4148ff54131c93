from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certificates.schedule import BACK_OFF, renewal_time, retry_after

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.promise("C-03")
@pytest.mark.parametrize(("lifetime", "left"), [(90 * DAY, 30 * DAY), (45 * DAY, 15 * DAY), (6 * DAY, 3 * DAY)])
def test_a_renewal_is_due_with_a_third_of_the_lifetime_left_or_half_of_a_short_one(
    lifetime: timedelta, left: timedelta
) -> None:
    ends = START + lifetime
    times = [renewal_time(START, ends) for _ in range(50)]
    assert all(ends - left - lifetime / 30 <= moment <= ends - left for moment in times)
    assert len(set(times)) > 1


@pytest.mark.promise("C-03")
def test_the_wait_grows_with_every_failure_up_to_a_day() -> None:
    waits = [retry_after(failures) for failures in range(1, 10)]
    assert all(BACK_OFF[min(n, 5)] <= wait <= BACK_OFF[min(n, 5)] * 1.2 for n, wait in enumerate(waits))
    assert waits[:6] == sorted(waits[:6])
    assert waits[0] < 2 * timedelta(minutes=1)
    assert waits[8] >= DAY
