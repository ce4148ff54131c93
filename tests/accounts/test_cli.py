"""What the commands have in common: times, yes and no, and asking before what nothing takes back."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from accounts.cli import at, confirm, yes_no
from temps.lib.errors import Invalid


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_times_are_in_utc_and_say_so() -> None:
    assert at(datetime(2026, 11, 22, 1, 5, 59, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-21 23:05 UTC"
    assert (at(None), at(None, "-"), at(datetime(2026, 1, 1, tzinfo=UTC))) == ("never", "-", "2026-01-01 00:00 UTC")
    assert (yes_no(True), yes_no(False)) == ("yes", "no")


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_on_a_terminal_it_asks(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    confirm("remove corp", yes=False)
    assert capsys.readouterr().err == "This will remove corp. Continue? [y/N] "


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yes, I do\n"])
def test_anything_else_is_no(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    with pytest.raises(Invalid, match="nothing was changed"):
        confirm("remove corp", yes=False)


def test_where_nobody_can_be_asked_it_wants_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(Invalid, match="this would remove corp: say --yes"):
        confirm("remove corp", yes=False)
    confirm("remove corp", yes=True)
