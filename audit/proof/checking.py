"""Holding the log against its checkpoints: ``temps audit verify`` on the database.

The walk reads every entry in its sealed order, hashes it as the sealer did, and compares three times: with the stored
leaf (which names the entry that differs), with the root of every checkpoint it passes, and with the checkpoints that
are kept outside the database, which someone who rewrites the database cannot rewrite along. What was redacted for an
erased person is held against the signed statement about that, and the statements against what the log tells of them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise

from audit.actions import Action
from audit.masking import printable
from audit.models import ENTRY_COLUMNS
from audit.proof import witness
from audit.proof.hashing import OPERATION, Hashed, hashed, leaf_of, rows_of
from audit.proof.merkle import HASH_BYTES, Frontier
from audit.proof.models import Checkpoint, Retirement, Tile, Tree
from audit.proof.notes import CheckpointText, RetirementText
from audit.proof.redactions import Misfit, Redactions
from audit.proof.rows import Row, entry
from audit.proof.strays import look_at_the_rest, look_at_unsealed
from audit.proof.tiles import TILE, split
from audit.proof.verdict import Verdict, Wrong
from temps.lib import clock
from temps.lib.signing import BadSignature, Verifier

CHUNK = 16 * TILE
"""Entries in memory at a time."""

ANNOUNCED = "statements"
"""In the metadata of an entry about a redaction: how many statements there were with it."""
Progress = Callable[[int, int], None]
"""Called with the entries read and the entries in all."""


def verify_log(
    verifiers: Sequence[Verifier],
    *,
    kept: Sequence[str] = (),
    progress: Progress | None = None,
    processes: int = 1,
    operations: Collection[str] = (),
) -> Verdict:
    """Walk the log up to the first entry that is wrong.

    ``kept`` are checkpoints from elsewhere (a mail, a webhook, a copy); the one in the data directory is always among
    them. Events that Temps did not write are told of as well. More than one of ``processes`` is for a process that has
    no other threads. Who has to act on entries of some ``operations`` finds them in the verdict: read once more, they
    could be others.
    """
    verdict = Verdict()
    kept = [note for note in (witness.witnessed(), *kept) if note]
    tree = Tree.objects.filter(pk=1).first()
    try:
        if tree is not None:
            verdict.origin, verdict.size = tree.origin, tree.size
            walk = _Walk(tree, verifiers, kept, verdict, frozenset(operations))
            walk.go(processes, progress or (lambda _done, _all: None))
            look_at_the_rest(verdict)
        elif kept:
            raise Wrong("is missing, as is everything: this database was never sealed, yet there is a checkpoint", 0)
    except Wrong as wrong:
        verdict.problems.append(wrong.problem)
    if tree is not None:
        look_at_unsealed(tree, verdict)
    return verdict


class _Walk:
    def __init__(
        self,
        tree: Tree,
        verifiers: Sequence[Verifier],
        kept: Sequence[str],
        verdict: Verdict,
        operations: Collection[str],
    ) -> None:
        self.tree, self.verifiers, self.verdict, self.operations = tree, verifiers, verdict, operations
        self.frontier = Frontier()
        self.prefixes = array("Q")
        """Eight bytes of each leaf: an entry that was sealed twice has the same leaf both times."""
        self.fitting = 0
        """The size at the newest checkpoint that fits."""
        stored = list(Checkpoint.objects.order_by("size").values_list("note", flat=True))
        self.signed = sorted({self._signed(note) for note in (*stored, *kept)}, key=lambda signed: signed.size)
        self.retired = self._retirements()
        self.redactions = self._redactions()
        self.announced = 0
        """How many statements about redacted entries there are by the entries that tell of them."""
        verdict.checkpoints = len(self.signed)

    def _signed(self, note: str) -> CheckpointText:
        try:
            signed = CheckpointText.opened(note, self.verifiers)
        except BadSignature as error:
            origin = printable(note.partition("\n")[0][:80])
            other = f"; it is about the log {origin}, and this is {self.tree.origin}"
            raise Wrong(f"a checkpoint does not count: {error}{other if origin != self.tree.origin else ''}") from None
        if signed.origin != self.tree.origin:
            raise Wrong("a checkpoint is about another log")
        return signed

    def _retirements(self) -> list[RetirementText]:
        notes = Retirement.objects.order_by("first").values_list("note", flat=True)
        try:
            return [RetirementText.opened(note, self.verifiers) for note in notes]
        except BadSignature as error:
            raise Wrong(f"a statement about retired entries does not count: {error}") from None

    def _redactions(self) -> Redactions:
        try:
            found = Redactions(self.tree.origin, self.verifiers)
        except Misfit as error:
            raise Wrong(f"what is signed about redacted entries does not count: {error}") from None
        self.verdict.redacted_at = found.newest
        return found

    def go(self, processes: int, progress: Progress) -> None:
        if self.tree.size and not self.signed:
            raise Wrong("the checkpoints of the log are gone")
        size = self.verdict.size = max(self.tree.size, self.signed[-1].size if self.signed else 0)
        with hashed(size, CHUNK, processes, {*self.operations, Action.AUDIT_REDACT}) as found:
            self._pass(found, progress)
        if self.fitting != size:
            raise Wrong("and all that follow were put in: no checkpoint was signed that covers them", self.fitting)
        self._look_for_repetitions()
        if self.announced > self.redactions.count and not self.redactions.is_outdated():
            raise Wrong(
                f"the log tells of {self.announced} statements about redacted entries, and the last that is there is "
                f"{self.redactions.count}"
            )

    def _pass(self, found: Iterable[Hashed], progress: Progress) -> None:
        waiting = list(reversed(self.signed))
        for (start, end), hashes, asked_for in found:
            leaves, wrong = self._leaves(start, end, hashes, asked_for)
            at = start
            while waiting and waiting[-1].size <= start + len(leaves):
                signed = waiting.pop()
                self._grow(leaves[at - start : signed.size - start])
                at = signed.size
                self._compare(signed)
            self._grow(leaves[at - start :])
            if wrong is not None:
                raise wrong
            progress(end, self.verdict.size)

    def _look_for_repetitions(self) -> None:
        if len(set(self.prefixes)) == len(self.prefixes):
            return
        in_order = sorted(self.prefixes)
        again = next((one for one, other in pairwise(in_order) if one == other), None)
        if again is not None:
            first = self.prefixes.index(again)
            raise Wrong(f"was put in: it is entry {first} once more", self.prefixes.index(again, first + 1))

    def _grow(self, leaves: Sequence[bytes]) -> None:
        append = self.frontier.append
        for leaf in leaves:
            append(leaf)

    def _compare(self, signed: CheckpointText) -> None:
        """The entries so far fit the stored hashes. If they do not fit what was signed, both were changed alike."""
        if self.frontier.root() != signed.root:
            raise Wrong(
                f"or one that follows it before entry {signed.size} is not what was signed at "
                f"{clock.iso(signed.time)}; the stored hashes were changed with it",
                self.fitting,
            )
        self.fitting, self.verdict.signed_at = signed.size, signed.time

    def _leaves(
        self, start: int, end: int, hashes: bytes | None, asked_for: Sequence[Row]
    ) -> tuple[list[bytes], Wrong | None]:
        """The stored leaves from ``start`` to ``end``, or up to the first entry that is wrong; ``hashes`` are those of
        the entries."""
        tiles = Tile.objects.filter(level=0, index__gte=start // TILE, index__lt=-(-end // TILE)).order_by("index")
        stored = b"".join(map(bytes, tiles.values_list("hashes", flat=True)))[: (end - start) * HASH_BYTES]
        self.prefixes.extend(memoryview(stored[: len(stored) & -HASH_BYTES]).cast("Q")[:: HASH_BYTES // 8])
        expected, redacted = self.redactions.applied(start, end, stored)
        if hashes is not None and hashes == expected:
            self.verdict.verified += end - start - redacted
            self.verdict.redacted += redacted
            self._heard(asked_for)
            return split(stored), None
        return self._one_by_one(start, end, split(stored))

    def _heard(self, rows: Iterable[Row]) -> None:
        """Note what was asked for of these entries, and what they tell of redactions."""
        for row in rows:
            told = entry(row[1:])
            if row[OPERATION] in self.operations:
                self.verdict.entries.append(told)
            statements = told["metadata"].get(ANNOUNCED) if row[OPERATION] == Action.AUDIT_REDACT else None
            if isinstance(statements, int):
                self.announced = max(self.announced, statements)

    def _rows(self, start: int, end: int) -> dict[int, list[Row]]:
        """The rows as they stand now, by position; meanwhile some may have been redacted, or removed."""
        rows = rows_of(start, end)
        while self.redactions.is_outdated():
            self.redactions = self._redactions()
            rows = rows_of(start, end)
        if len(rows) < end - start:
            self.retired = self._retirements()
        found: dict[int, list[Row]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(row)
        return found

    def _one_by_one(self, start: int, end: int, stored: Sequence[bytes]) -> tuple[list[bytes], Wrong | None]:
        found = self._rows(start, end)
        for position in range(start, end):
            leaf = stored[position - start] if position - start < len(stored) else None
            here = found.get(position, [])
            if not here and leaf is not None and self._is_retired(position):
                self.verdict.retired += 1
                continue
            redacted = self.redactions.leaf(position)
            if len(here) == 1 and leaf is not None and leaf_of(here[0]) == (redacted or leaf):
                self.verdict.redacted += redacted is not None
                self.verdict.verified += redacted is None
                self._heard(row for row in here if row[OPERATION] in {*self.operations, Action.AUDIT_REDACT})
                continue
            places = {leaf: start + number for number, leaf in enumerate(stored)}
            return list(stored[: position - start]), self._wrong(position, here, leaf, places)
        return list(stored), None

    def _wrong(self, position: int, here: Sequence[Row], leaf: bytes | None, places: dict[bytes, int]) -> Wrong:
        """What is wrong with the entry at ``position``; ``here`` are the rows that claim it."""
        if not here:
            return Wrong(f"is missing{self._beyond_the_end(position)}", position)
        event = str(here[0][PUBLIC_ID])
        if len(here) > 1:
            return Wrong("stands there more than once", position, event)
        if leaf is None:
            return Wrong("has lost its stored hash, which temps audit recover computes anew", position, event)
        if self.redactions.leaf(position) is not None:
            again = "stands there as it was before" if leaf_of(here[0]) == leaf else "was changed since"
            return Wrong(f"was redacted for an erased person, and {again}", position, event)
        moved = places.get(leaf_of(here[0]) or b"")
        if moved is not None:
            return Wrong(f"is the one that was sealed as entry {moved}: entries were removed or moved", position, event)
        return Wrong("is not what was sealed: it was changed, or put in another's place", position, event)

    def _beyond_the_end(self, position: int) -> str:
        if position < self.tree.size:
            return ""
        signed = self.signed[-1]
        others = f", as are all up to entry {signed.size - 1}" if signed.size - 1 > position else ""
        return (
            f"{others}: the end of the log was cut off, or the database is older "
            f"than the checkpoint of {clock.iso(signed.time)}"
        )

    def _is_retired(self, position: int) -> bool:
        after = bisect_right(self.retired, position, key=lambda text: text.first)
        return any(text.first <= position <= text.last for text in self.retired[max(0, after - 1) : after])


PUBLIC_ID = 1 + ENTRY_COLUMNS.index("public_id")
