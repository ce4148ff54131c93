from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from audit.actions import Action
from audit.proof import sealer
from audit.services import record
from audit.sinks.models import Sink
from audit.sinks.services import create_sink
from audit.sinks.stream import Stream
from tests.audit.sinks.receiver import Receiver, receiving
from tests.world import World

Write = Callable[[int], None]
Run = Callable[[Sink], Sink]


@pytest.fixture
def write(world: World) -> Write:
    """Record so many entries and seal them."""

    def writing(count: int) -> None:
        for number in range(count):
            with transaction.atomic():
                record(world.operator, Action.SETTINGS_UPDATE, ("setting", str(number)), f"set number {number}")
        sealer.seal_everything()

    return writing


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def hook(world: World, receiver: Receiver, write: Write) -> Sink:
    """A webhook that gets the log from its first entry on."""
    made, _secret = create_sink("hook", "webhook", url=receiver.url, from_start=True, actor=world.operator)
    write(0)
    return made


@pytest.fixture
def run() -> Run:
    """Take turns until there is nothing left to send, or it failed; the sink as it is then."""

    def running(sink: Sink) -> Sink:
        stream = Stream(sink.pk)
        while stream.turn() == 0:
            sink.refresh_from_db()
            if sink.failing_since:
                break
        stream.close()
        sink.refresh_from_db()
        return sink

    return running


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the next try be due at once."""

    def due(sink: Sink) -> None:
        Sink.objects.filter(pk=sink.pk).update(next_try_at=None)

    return due
