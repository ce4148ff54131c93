"""How often each rule refused a request: counted in memory, added to the rows in batches.

This is telemetry and no change of policy, so it is neither permitted nor audited. A flood of refused requests costs the
database one transaction every few seconds; counts not yet written when a process dies are lost.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

import structlog
from django.db import Error, transaction
from django.db.models import F

from firewall.models import IpRule
from temps.lib import clock

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 5.0
FLUSH_HITS = 1000


class HitCounter:
    """One per process, shared by its threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._due = 0.0
        self._lock = threading.Lock()

    def add(self, rule: str) -> None:
        with self._lock:
            if not self._counts:
                self._due = time.monotonic() + FLUSH_SECONDS
            self._counts[rule] += 1

    def flush_if_due(self) -> None:
        """Write the counts if there are many, or if the first of them has waited long enough."""
        if self._counts and (time.monotonic() >= self._due or self._counts.total() >= FLUSH_HITS):
            self.flush()

    def flush(self) -> None:
        """Write all counts now. When the database refuses they are kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        try:
            with transaction.atomic():
                for rule in sorted(counts):  # in one order everywhere, so that two processes never wait for each other
                    IpRule.objects.filter(public_id=rule).update(hits=F("hits") + counts[rule], last_hit_at=clock.now())
        except Error as error:
            log.warning("firewall.hits_not_written", error=type(error).__name__)
            with self._lock:
                self._counts.update(counts)
                self._due = time.monotonic() + FLUSH_SECONDS


hits = HitCounter()
