"""The hashes of entries as they stand in the table now, a range of positions at a time; for a long log by several
processes, because hashing is all that verifying waits for."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import get_context, parent_process

from django.db import connection, connections

from audit.models import ENTRY_COLUMNS, Event
from audit.proof.canonical import canonical_entry
from audit.proof.merkle import leaf_hash
from audit.proof.rows import Row, entry, read
from temps.lib.errors import Unavailable

Range = tuple[int, int]
"""The first position, and the one after the last."""
Hashed = tuple[Range, bytes | None, list[Row]]
"""A range, its leaves one after the other, and those of its entries that were asked for. There are no leaves unless
each position has one entry that has a leaf."""
OPERATION = 1 + ENTRY_COLUMNS.index("operation")
PROCESSES = min(4, os.cpu_count() or 1)
WORTH_IT = 8
"""Ranges below which starting processes takes longer than it saves."""


def rows_of(start: int, end: int) -> list[Row]:
    """Position and columns of the entries from ``start`` to ``end``, in their order."""
    return read(Event.objects.filter(position__gte=start, position__lt=end).order_by("position"), "position")


def leaf_of(row: Row) -> bytes | None:
    """The leaf of one of :func:`rows_of`; None if nothing that Temps wrote can look like this."""
    try:
        return leaf_hash(canonical_entry(entry(row[1:])))
    except (TypeError, ValueError, AttributeError):
        return None


def leaves_of(places: Range, operations: Collection[str] = ()) -> Hashed:
    """Hash the entries of a range, and hand over those of ``operations`` as they were hashed."""
    start, end = places
    rows = rows_of(start, end)
    if len(rows) != end - start or rows[0][0] != start or rows[-1][0] != end - 1:
        return places, None, []
    leaves = [leaf_of(row) for row in rows]
    asked_for = [row for row in rows if row[OPERATION] in operations] if operations else []
    return places, None if None in leaves else b"".join(filter(None, leaves)), asked_for


@contextmanager
def hashed(size: int, step: int, processes: int, operations: Collection[str] = ()) -> Iterator[Iterator[Hashed]]:
    """:func:`leaves_of` each range of ``step`` positions of the first ``size``, in their order.

    In a transaction they are hashed by this process, since others would not see what it sees. Where there are others,
    the connections are closed, to open anew when they are next used: no two processes can share one.
    """
    ranges = ((start, min(start + step, size)) for start in range(0, size, step))
    if processes < 2 or size < WORTH_IT * step or connection.in_atomic_block:
        yield (leaves_of(places, operations) for places in ranges)
        return
    connections.close_all()
    pool = ProcessPoolExecutor(processes, get_context("fork"), _begin)
    try:
        calls = (partial(pool.submit, leaves_of, places, operations) for places in ranges)
        yield _in_order(calls, ahead=2 * processes)
    except BrokenProcessPool:
        raise Unavailable("a process that was verifying has been ended") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In each of the processes: Ctrl-C is for the one that started it, and the end of that one, however it comes, is
    its own. The executor would leave it waiting for work if its parent were killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_order(calls: Iterator[Callable[[], Future[Hashed]]], ahead: int) -> Iterator[Hashed]:
    """With no more than ``ahead`` in the making, so that memory stays small however long the log claims to be."""
    making = deque(call() for call in islice(calls, ahead))
    while making:
        yield making.popleft().result()
        making.extend(call() for call in islice(calls, 1))
