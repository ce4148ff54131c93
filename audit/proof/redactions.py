"""What redacted entries say now, by the statements that the log has signed about them.

When a person is erased, the entries that name them are rewritten (``audit.redaction``), and the tree keeps the hashes
that were sealed. So an entry whose hash is another one is as good as signed if the newest statement about its position
covers exactly that hash; and an entry that a statement covers is *not* as it should be when it says again what it said
before.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db.models import Max

from audit.proof.keys import verifiers
from audit.proof.merkle import HASH_BYTES, Frontier, inclusion_proof, leaf_hash, root_of, verify_inclusion
from audit.proof.models import RedactedEntry, Redaction, Tree
from audit.proof.notes import RedactionText
from audit.proof.tiles import TILE, split
from temps.lib.signing import BadSignature, Verifier

STATEMENT = TILE
"""Entries that one statement is about, at most."""
PAGE = 64
"""Statements in memory at a time."""


class Misfit(Exception):
    """A statement, or what stands beside it, is not what was signed."""


def covered(position: int, leaf: bytes) -> bytes:
    """What a statement has as a leaf of its own: that the entry at ``position`` has the hash ``leaf`` now."""
    return leaf_hash(position.to_bytes(8, "big") + leaf)


def audit_paths(leaves: Sequence[bytes]) -> Iterator[bytes]:
    """The audit path of each of ``leaves`` to the root over all of them, as it is stored."""

    @cache
    def node(height: int, index: int) -> bytes:
        return root_of(leaves[index << height : (index + 1) << height])

    for place in range(len(leaves)):
        yield b"".join(inclusion_proof(place, len(leaves), node))


class Redactions:
    """Everything that statements say, held against their signatures: for whoever walks the whole log.

    Raises :class:`Misfit` when a statement is gone or was not signed, or when the rows beside it are others.
    """

    def __init__(self, origin: str, keys: Sequence[Verifier]) -> None:
        self.count = 0
        """How many statements there are."""
        self.newest: datetime | None = None
        self._origin, self._keys = origin, keys
        self._leaves: dict[int, bytes] = {}
        while page := list(Redaction.objects.filter(number__gt=self.count).order_by("number")[:PAGE]):
            self._read(page)
        self._positions = array("Q", sorted(self._leaves))

    def _read(self, page: Sequence[Redaction]) -> None:
        numbers = [one.number for one in page]
        rows = RedactedEntry.objects.filter(redaction__in=numbers).order_by("redaction", "position")
        said: dict[int, list[tuple[int, bytes]]] = {number: [] for number in numbers}
        for number, position, leaf in rows.values_list("redaction", "position", "leaf"):
            said[number].append((position, bytes(leaf)))
        for one in page:
            text = self._opened(one)
            frontier = Frontier()
            for position, leaf in said[one.number]:
                frontier.append(covered(position, leaf))
            if (frontier.size, frontier.root()) != (text.count, text.root):
                raise Misfit(f"statement {one.number} is not about the entries that stand beside it")
            self._leaves.update(said[one.number])
            self.count, self.newest = one.number, text.time

    def _opened(self, row: Redaction) -> RedactionText:
        if row.number != self.count + 1:
            raise Misfit(f"statement {self.count + 1} is gone")
        try:
            text = RedactionText.opened(row.note, self._keys)
        except BadSignature as error:
            raise Misfit(f"statement {row.number}: {error}") from None
        if (text.origin, text.number) != (self._origin, row.number):
            raise Misfit(f"statement {row.number} stands in the place of another")
        return text

    def is_outdated(self) -> bool:
        return Redaction.objects.filter(number__gt=self.count).exists()

    def leaf(self, position: int) -> bytes | None:
        """The hash that the entry at ``position`` has now; None if it was not redacted."""
        return self._leaves.get(position)

    def applied(self, start: int, end: int, sealed: bytes) -> tuple[bytes, int]:
        """The hashes that the entries from ``start`` to ``end`` have now, given those that were ``sealed``, one after
        the other; and how many of them were redacted."""
        first, after = bisect_left(self._positions, start), bisect_left(self._positions, end)
        if first == after:
            return sealed, 0
        now = bytearray(sealed)
        for position in self._positions[first:after]:
            at = (position - start) * HASH_BYTES
            if at < len(now):
                now[at : at + HASH_BYTES] = self._leaves[position]
        return bytes(now), after - first


@dataclass(frozen=True, slots=True)
class Covering:
    """What one statement says of one entry, and the proof that it does."""

    number: int
    note: str
    leaf: bytes
    place: int
    path: list[bytes]


def covering(first: int, end: int) -> Iterator[tuple[int, Covering]]:
    """What statements say of the entries from position ``first`` to before ``end``, older ones first."""
    rows = RedactedEntry.objects.filter(position__gte=first, position__lt=end).order_by("position", "redaction")
    for row in rows.select_related("redaction"):
        path = split(bytes(row.path))
        yield row.position, Covering(row.redaction_id, row.redaction.note, bytes(row.leaf), row.place, path)


class Lookup:
    """What single entries may say, for whoever acts on some of them: cheap where nothing near was redacted.

    Rows may have been read just before, or just after, somebody was erased: what was right when this was made counts as
    well as what is right now.
    """

    def __init__(self) -> None:
        self._known = Redaction.objects.aggregate(newest=Max("number"))["newest"] or 0
        self._highest = RedactedEntry.objects.aggregate(highest=Max("position"))["highest"]
        self._blocks: dict[int, dict[int, list[Covering]]] = {}
        self._texts: dict[int, RedactionText | None] = {}

    def accepts(self, position: int, leaf: bytes, sealed: bytes) -> bool:
        """Whether an entry that was sealed as ``sealed`` may have the hash ``leaf``."""
        if leaf == sealed and (self._highest is None or position > self._highest):
            return True
        if leaf in self._leaves(position, sealed):
            return True
        self._blocks.pop(position // TILE, None)
        return leaf in self._leaves(position, sealed)

    def _leaves(self, position: int, sealed: bytes) -> set[bytes | None]:
        said = self._block(position // TILE).get(position, [])
        before = [one for one in said if one.number <= self._known]
        return {self._proven(position, found[-1]) if found else sealed for found in (before, said)}

    def _block(self, index: int) -> dict[int, list[Covering]]:
        if index not in self._blocks:
            block = self._blocks[index] = {}
            for position, one in covering(index * TILE, (index + 1) * TILE):
                block.setdefault(position, []).append(one)
        return self._blocks[index]

    def _proven(self, position: int, said: Covering) -> bytes | None:
        text = self._text(said)
        if text is None:
            return None
        fits = verify_inclusion(covered(position, said.leaf), said.place, text.count, said.path, text.root)
        return said.leaf if fits else None

    def _text(self, said: Covering) -> RedactionText | None:
        if said.number not in self._texts:
            tree = Tree.objects.defer("failed_at").get(pk=1)
            try:
                text = RedactionText.opened(said.note, verifiers(tree))
                ours = (text.origin, text.number) == (tree.origin, said.number)
            except BadSignature:
                ours = False
            self._texts[said.number] = text if ours else None
        return self._texts[said.number]
