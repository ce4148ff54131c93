"""How many passwords are hashed at once.

An Argon2id hash takes tens of milliseconds of a processor and a hundred megabytes, for anybody who asks: unbounded,
a few hundred wrong passwords a second would keep everyone else out. So few are hashed at a time, few more wait, and who
comes on top of that is told at once to come again. Who waits for what does not depend on whether the account exists.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore, get_native_id

from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts.errors import Busy

AT_ONCE = min(2, max(1, (os.cpu_count() or 1) // 2))
WAITING = 2
"""With those that are hashed no more than half of the threads of ``temps up``: the others answer the other requests."""
LONGEST_WAIT_SECONDS = 5.0
NICENESS = 10
"""Of 19: a tenth of the processor time of a thread with 0, where both want it."""


def _give_way() -> None:
    """Have this thread run when no other wants to. Elsewhere than on Linux priorities belong to whole processes."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, get_native_id(), NICENESS)


_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hashing", initializer=_give_way)


class Argon2OneLane(Argon2PasswordHasher):
    """Argon2id (RFC 9106) as Django has it, 100 MiB and two passes, but in one lane: with Django's eight a guess would
    take every processor at once. It is computed in a thread that gives way to all others, so that a guess gets what
    other requests leave. Hashes with other parameters are replaced at their next sign-in."""

    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return _threads.submit(super().encode, password, salt).result()

    def verify(self, password: str, encoded: str) -> bool:
        return _threads.submit(super().verify, password, encoded).result()


class Turns:
    """So many at once, so many waiting."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._admitted = BoundedSemaphore(at_once + waiting)
        self._running = BoundedSemaphore(at_once)

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may."""
        if not self._admitted.acquire(blocking=False):
            return True
        self._admitted.release()
        return False

    def refuse_if_full(self) -> None:
        """Raise :class:`Busy` now where :meth:`turn` would: before anything else is done, which costs too."""
        if self.is_full:
            raise Busy(1)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn. Raises :class:`Busy` where too many wait already."""
        if not self._admitted.acquire(blocking=False):
            raise Busy(1)
        try:
            if not self._running.acquire(timeout=LONGEST_WAIT_SECONDS):
                raise Busy(1)
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._admitted.release()


passwords = Turns(AT_ONCE, WAITING)
