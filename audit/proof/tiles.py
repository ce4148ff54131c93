"""Reading and growing the stored tree."""

from __future__ import annotations

from collections.abc import Sequence

from audit.proof.merkle import HASH_BYTES, Frontier, frontier_at, root_of
from audit.proof.models import Tile

TILE_HEIGHT = 8
TILE = 1 << TILE_HEIGHT
"""Hashes in a full tile."""
FULL = TILE * HASH_BYTES


class MissingHash(Exception):
    """The stored tree lacks a hash that it should have."""


def split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


class Tiles:
    """Nodes of the stored tree, for as long as a proof or a batch takes: tiles read once are kept."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, index: int) -> bytes:
        key = (level, index)
        if key not in self._read:
            found = Tile.objects.filter(level=level, index=index).values_list("hashes", flat=True).first()
            self._read[key] = bytes(found or b"")
        return self._read[key]

    def node(self, height: int, index: int) -> bytes:
        """The hash of a complete node; a :data:`merkle.Node`. Raises :class:`MissingHash`."""
        level, within = divmod(height, TILE_HEIGHT)
        count = 1 << within
        tile_index, offset = divmod(index * count, TILE)
        hashes = self.tile(level, tile_index)[offset * HASH_BYTES : (offset + count) * HASH_BYTES]
        if len(hashes) != count * HASH_BYTES:
            raise MissingHash(f"the stored tree lacks hashes in tile {level}/{tile_index}")
        return hashes if count == 1 else root_of(split(hashes))

    def frontier(self, size: int) -> Frontier:
        return frontier_at(size, self.node)


def extend(tiles: Tiles, size: int, leaves: Sequence[bytes]) -> None:
    """Store ``leaves`` after the ``size`` that are there, and every tile above that becomes full."""
    written: list[Tile] = []
    level, at, hashes = 0, size, list(leaves)
    while hashes:
        above: list[bytes] = []
        for tile in _filled(tiles, level, at, hashes):
            written.append(tile)
            if len(tile.hashes) == FULL:
                above.append(root_of(split(bytes(tile.hashes))))
        level, at, hashes = level + 1, at >> TILE_HEIGHT, above
    Tile.objects.bulk_create(
        written, update_conflicts=True, unique_fields=["level", "index"], update_fields=["hashes"], batch_size=200
    )


def _filled(tiles: Tiles, level: int, at: int, hashes: list[bytes]) -> list[Tile]:
    """The tiles of ``level`` that change when ``hashes`` are put in from place ``at`` on."""
    index, begun = divmod(at, TILE)
    content = b""
    if begun:
        content = tiles.tile(level, index)
        if len(content) < begun * HASH_BYTES:
            raise MissingHash(f"the stored tree lacks hashes in tile {level}/{index}")
        content = content[: begun * HASH_BYTES]
    content += b"".join(hashes)
    return [
        Tile(level=level, index=index + number, hashes=content[cut : cut + FULL])
        for number, cut in enumerate(range(0, len(content), FULL))
    ]
