"""One sink's stream, turn by turn: hold it, read what is next, send it, move the cursor.

Nothing is locked in the database while a peer is spoken to. The cursor moves only from where it was read, and only by
whoever holds the sink; so a sink that is rewound, paused or removed meanwhile, or taken over by another keeper because
this one seemed dead, stays as it was left, and what was sent is sent again. No entry is passed over.
"""

from __future__ import annotations

import random
import secrets
from datetime import timedelta
from typing import Any

import structlog
from django.db import Error
from django.db.models import Q

from audit.masking import printable
from audit.sinks.batches import Batch, Entries, next_batch
from audit.sinks.models import Sink
from audit.sinks.senders import Sender, sender_for
from temps.lib import clock
from temps.lib.errors import TempsError

log = structlog.get_logger(__name__)

HOLD = timedelta(seconds=10)
"""For so long a sink is held without a sign of life; ``streams`` gives one much more often."""
IDLE = 1.0
"""Seconds between two looks for what is next."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds between two tries: doubled with each failure, from the first to the longest."""


class Stream:
    def __init__(self, sink_pk: int) -> None:
        self.holder = secrets.token_hex(16)
        self._pk = sink_pk
        self._sender: tuple[int, Sender] | None = None
        """And the revision of the sink that it was made for."""
        self._end: int | None = None
        """Where the batch ended that was not taken: tried again it is the same message, and not a longer one."""

    def turn(self) -> float:
        """Do what can be done now; after how many seconds to look again."""
        sink = self._held()
        if sink is None:
            self._drop_sender()
            return IDLE
        wait = (sink.next_try_at - clock.now()).total_seconds() if sink.next_try_at else 0.0
        if wait > 0:
            return min(wait, IDLE)
        try:
            return self._deliver(sink)
        except TempsError as error:
            self._failed(sink, error.public_message)
        except Error:  # of the database: there is nowhere to note it
            raise
        except Exception as error:  # an entry that cannot be written, say: it must show, and not end the thread
            self._failed(sink, f"Temps failed ({type(error).__name__})")
        return 0.0

    def close(self) -> None:
        """Let the sink go, so that another may take it at once."""
        self._drop_sender()
        Sink.objects.filter(pk=self._pk, holder=self.holder).update(holder="", held_until=None)

    def _held(self) -> Sink | None:
        """The row, if the sink is not paused and nobody else holds it."""
        rows, now = Sink.objects.filter(pk=self._pk, enabled=True), clock.now()
        sink = rows.first()
        if sink is None or (sink.holder == self.holder and sink.held_until is not None and sink.held_until > now):
            return sink
        free = Q(held_until=None) | Q(held_until__lte=now) | Q(holder=self.holder)
        return rows.first() if rows.filter(free).update(holder=self.holder, held_until=now + HOLD) else None

    def _deliver(self, sink: Sink) -> float:
        sender = self._sender_for(sink)
        lost = sender.lost()
        if lost is not None and lost < sink.cursor:
            self._move(sink, lost)
            return 0.0
        batch = next_batch(sink, self._end)
        if batch is None:
            pause, self._end = 0.0 if self._end else IDLE, None
            return pause
        self._end = batch.end if isinstance(batch, Entries) else None
        sender.send(batch)
        self._taken(sink, batch)
        return 0.0

    def _sender_for(self, sink: Sink) -> Sender:
        if self._sender is None or self._sender[0] != sink.revision:
            self._drop_sender()
            self._sender = (sink.revision, sender_for(sink))
        return self._sender[1]

    def _drop_sender(self) -> None:
        if self._sender is not None:
            self._sender[1].close()
            self._sender = None

    def _move(self, sink: Sink, cursor: int, **columns: Any) -> bool:
        """Set the cursor, unless somebody else has moved it or taken the sink over."""
        mine = Sink.objects.filter(pk=sink.pk, holder=self.holder, cursor=sink.cursor, revision=sink.revision)
        return bool(mine.update(cursor=cursor, **columns))

    def _taken(self, sink: Sink, batch: Batch) -> None:
        fine = {"attempts": 0, "failing_since": None, "last_error": "", "next_try_at": None}
        self._end = None
        if self._move(sink, batch.end, last_ok_at=clock.now(), **fine) and sink.failing_since:
            log.info("audit.sink_recovered", sink=sink.name, position=batch.end)

    def _failed(self, sink: Sink, why: str) -> None:
        now, attempts = clock.now(), sink.attempts + 1
        self._move(
            sink,
            sink.cursor,
            attempts=attempts,
            failing_since=sink.failing_since or now,
            last_error=printable(why)[:200],
            next_try_at=now + timedelta(seconds=pause_after(attempts)),
        )
        log.warning("audit.sink_failed", sink=sink.name, attempts=attempts, reason=why)


def pause_after(failures: int) -> float:
    """Seconds until the next try: exponential, less up to a quarter so that many sinks do not come at once."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(failures - 1, 20)))
    return max(FIRST_PAUSE, longest * random.uniform(0.75, 1.0))  # noqa: S311  not a secret
