"""Telling an event that waits to be sealed from one that was sealed before and was put in again.

Its code fits, because Temps wrote it once. So its id is looked up among the sealed entries, and if it is as old as
those that retention has removed, its hash among the leaves, where removed entries leave theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from audit.models import ENTRY_COLUMNS, Event
from audit.proof.errors import Contradiction
from audit.proof.merkle import Frontier
from audit.proof.models import Tile
from audit.proof.rows import Row
from audit.proof.tiles import split
from audit.retention.models import SHORTEST
from temps.lib import clock

PUBLIC_ID = ENTRY_COLUMNS.index("public_id")
TIMESTAMP = ENTRY_COLUMNS.index("timestamp")


class Replays:
    """For one batch, on a tree that ``edge`` is the edge of."""

    def __init__(self, edge: Frontier) -> None:
        self._size, self._root = edge.size, edge.root()
        self._known: set[str] = set()
        self._leaves: frozenset[bytes] | None = None
        self._retired_before = f"{clock.now() - timedelta(days=SHORTEST - 1):%Y-%m-%d}"

    def look_up(self, events: Iterable[Row]) -> None:
        """To be called with those that :meth:`has` is then asked about (columns by :func:`audit.proof.rows.read`)."""
        found = Event.objects.filter(public_id__in=[row[PUBLIC_ID] for row in events], position__isnull=False)
        self._known.update(found.values_list("public_id", flat=True))

    def has(self, event: Row, leaf: bytes) -> bool:
        """Whether ``event`` was sealed already, or was among those asked about before."""
        again = event[PUBLIC_ID] in self._known
        self._known.add(event[PUBLIC_ID])
        return again or (event[TIMESTAMP][:10] <= self._retired_before and leaf in self._all_leaves())

    def _all_leaves(self) -> frozenset[bytes]:
        if self._leaves is None:
            tiles = Tile.objects.filter(level=0).order_by("index").values_list("hashes", flat=True)
            leaves = split(b"".join(map(bytes, tiles.iterator())))[: self._size]
            edge = Frontier()
            for leaf in leaves:
                edge.append(leaf)
            if edge.root() != self._root:
                raise Contradiction("the stored hashes of the entries do not lead to what was signed")
            self._leaves = frozenset(leaves)
        return self._leaves
