from __future__ import annotations

import threading

import pytest
from django.db import InterfaceError, OperationalError

from audit import keeper
from audit.sinks import streams
from audit.sinks.streams import Streams


@pytest.mark.django_db
@pytest.mark.promise("L-07")
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_goes_away_does_not_end_the_streams(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that PostgreSQL has closed raises the one or the other, and they are no kin."""
    stop, looks = threading.Event(), list[int]()

    def look(_self: Streams) -> None:
        looks.append(1)
        if len(looks) == 1:
            raise error
        stop.set()

    monkeypatch.setattr(Streams, "look", look)
    monkeypatch.setattr(streams, "IDLE", 0.0)
    streams.stream(stop)
    assert len(looks) == 2


@pytest.mark.promise("L-07")
def test_a_keeper_whose_streams_have_ended_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that starts it starts it again; sealing on without streaming would go unnoticed."""
    monkeypatch.setattr(keeper, "_seal", lambda: True)
    monkeypatch.setattr(keeper, "PAUSE", 0.0)
    monkeypatch.setattr(streams, "stream", lambda _stop: None)
    stop = threading.Event()
    keeper.keep(stop)
    assert stop.is_set()
