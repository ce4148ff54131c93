from __future__ import annotations

from datetime import timedelta

import pytest

from temps.lib.durations import parse_duration
from temps.lib.errors import Invalid


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        (" 15M ", timedelta(minutes=15)),
        ("45s", timedelta(seconds=45)),
        ("2w", timedelta(days=14)),
    ],
)
def test_durations_as_people_write_them(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "0d", "1.5h", "30 d", "1y", "٣d", "99999999999d", "3651d"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_duration(text, field="expires_in")
    assert refusal.value.field == "expires_in"
    assert f"'{text}'" in refusal.value.message
