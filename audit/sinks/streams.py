"""A thread for each sink: one that hangs keeps nobody waiting but itself."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import structlog
from django.db import Error, close_old_connections, connections

from audit.sinks.models import Sink
from audit.sinks.stream import HOLD, IDLE, Stream
from temps.lib import clock

log = structlog.get_logger(__name__)

PAUSE_AFTER_FAILURE = 5.0
FAREWELL = 5.0
"""Seconds that threads get to end when the process does. One that still hangs then is left behind."""


class Runner(threading.Thread):
    """Takes turns until told to end."""

    def __init__(self, sink_pk: int) -> None:
        super().__init__(name=f"sink-{sink_pk}", daemon=True)
        self.stream = Stream(sink_pk)
        self.ending = threading.Event()

    def run(self) -> None:
        try:
            while not self.ending.is_set():
                self.ending.wait(self._turn())
        finally:
            self._close()

    def _turn(self) -> float:
        close_old_connections()
        try:
            return self.stream.turn()
        except Error as error:
            log.error("audit.sink_database", reason=type(error).__name__)
            return PAUSE_AFTER_FAILURE

    def _close(self) -> None:
        try:
            self.stream.close()
        except Error as error:
            log.error("audit.sink_database", reason=type(error).__name__)
        finally:
            connections.close_all()


class Streams:
    """The runners of this process."""

    def __init__(self) -> None:
        self._runners: dict[int, Runner] = {}
        self._held_at: datetime | None = None

    def look(self) -> None:
        """Start a thread for each sink that has none, end those whose sink is gone or paused, hold the others on."""
        wanted = set(Sink.objects.filter(enabled=True).values_list("pk", flat=True))
        for pk in [pk for pk, runner in self._runners.items() if pk not in wanted or not runner.is_alive()]:
            # It may hang for a while yet; its successor waits until its hold has run out.
            self._runners.pop(pk).ending.set()
        for pk in wanted - self._runners.keys():
            self._runners[pk] = Runner(pk)
            self._runners[pk].start()
        self._hold()

    def _hold(self) -> None:
        now = clock.now()
        if self._held_at is not None and now - self._held_at < HOLD / 4:
            return
        holders = [runner.stream.holder for runner in self._runners.values()]
        if holders:
            Sink.objects.filter(holder__in=holders).update(held_until=now + HOLD)
        self._held_at = now

    def end(self) -> None:
        for runner in self._runners.values():
            runner.ending.set()
        end = time.monotonic() + FAREWELL
        for runner in self._runners.values():
            runner.join(max(0.0, end - time.monotonic()))


def stream(stop: threading.Event) -> None:
    """Keep a thread for each sink until ``stop`` is set."""
    streams = Streams()
    try:
        while not stop.is_set():
            close_old_connections()
            try:
                streams.look()
            except Error as error:
                log.error("audit.sinks_not_read", reason=type(error).__name__)
            stop.wait(IDLE)
    finally:
        streams.end()
        connections.close_all()
