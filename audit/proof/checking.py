"""Holding the log against its checkpoints: ``temps audit verify`` on the database.

The walk reads every entry in its sealed order, hashes it as the sealer did, and compares three times: with the stored
leaf (which names the entry that differs), with the root of every checkpoint it passes, and with the checkpoints that
are kept outside the database, which someone who rewrites the database cannot rewrite along.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from audit.masking import printable
from audit.models import ENTRY_COLUMNS, Event
from audit.proof import witness
from audit.proof.hashing import OPERATION, Hashed, hashed, leaf_of, rows_of
from audit.proof.merkle import HASH_BYTES, Frontier
from audit.proof.models import Checkpoint, Retirement, Tile, Tree
from audit.proof.notes import CheckpointText, RetirementText
from audit.proof.replays import Replays
from audit.proof.rows import Row, entry, read
from audit.proof.sealer import sifted
from audit.proof.tiles import TILE, Tiles, split
from temps.lib import clock
from temps.lib.signing import BadSignature, Verifier

CHUNK = 16 * TILE
"""Entries in memory at a time."""

Progress = Callable[[int, int], None]
"""Called with the entries read and the entries in all."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``position`` is that of the first entry concerned; None where it is not about a sealed entry."""

    what: str
    position: int | None = None
    event: str = ""

    def __str__(self) -> str:
        event = f" ({self.event})" if self.event else ""
        return self.what if self.position is None else f"entry {self.position}{event} {self.what}"


@dataclass(slots=True)
class Verdict:
    """What was found. No problem means that every entry is as it was when it was sealed."""

    origin: str = ""
    size: int = 0
    """Entries that the log should have."""
    verified: int = 0
    retired: int = 0
    unsealed: int = 0
    """Entries that wait to be sealed, of which nothing can be said yet."""
    checkpoints: int = 0
    signed_at: datetime | None = None
    """The time of the newest checkpoint that fits."""
    problems: list[Problem] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    """Those that were asked for, as they were when they were found to be as sealed."""

    @property
    def whole(self) -> bool:
        return not self.problems


class Wrong(Exception):
    """The walk ends here."""

    def __init__(self, what: str, position: int | None = None, event: str = "") -> None:
        super().__init__(what)
        self.problem = Problem(what, position, event)


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
            _look_at_the_rest(verdict)
        elif kept:
            raise Wrong("is missing, as is everything: this database was never sealed, yet there is a checkpoint", 0)
    except Wrong as wrong:
        verdict.problems.append(wrong.problem)
    if tree is not None:
        _look_at_unsealed(tree, verdict)
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

    def go(self, processes: int, progress: Progress) -> None:
        if self.tree.size and not self.signed:
            raise Wrong("the checkpoints of the log are gone")
        size = self.verdict.size = max(self.tree.size, self.signed[-1].size if self.signed else 0)
        with hashed(size, CHUNK, processes, self.operations) as found:
            self._pass(found, progress)
        if self.fitting != size:
            raise Wrong("and all that follow were put in: no checkpoint was signed that covers them", self.fitting)
        self._look_for_repetitions()

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
        if hashes is not None and hashes == stored:
            self.verdict.verified += end - start
            self.verdict.entries += [entry(row[1:]) for row in asked_for]
            return split(stored), None
        return self._one_by_one(start, end, rows_of(start, end), split(stored))

    def _one_by_one(
        self, start: int, end: int, rows: Sequence[Row], stored: Sequence[bytes]
    ) -> tuple[list[bytes], Wrong | None]:
        if len(rows) < end - start:
            self.retired = self._retirements()  # some may have been removed since the walk began
        found: dict[int, list[Row]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(row)
        for position in range(start, end):
            leaf = stored[position - start] if position - start < len(stored) else None
            here = found.get(position, [])
            if not here and leaf is not None and self._is_retired(position):
                self.verdict.retired += 1
                continue
            if len(here) == 1 and leaf is not None and leaf_of(here[0]) == leaf:
                self.verdict.verified += 1
                self.verdict.entries += [entry(row[1:]) for row in here if row[OPERATION] in self.operations]
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


def _look_at_the_rest(verdict: Verdict) -> None:
    """Rows that the walk does not come by. The log may have grown meanwhile."""
    sealed = Event.objects.filter(position__isnull=False).order_by()
    last = sealed.order_by("-position").first()
    if last is not None and last.position is not None and last.position >= Tree.objects.get().size:
        raise Wrong("was put in: the log ends before it", last.position, last.public_id)
    if sealed.filter(position__lt=verdict.size).count() > verdict.verified:
        raise Wrong("a row was put in that stands between entries, or before the first")


def _look_at_unsealed(tree: Tree, verdict: Verdict) -> None:
    """Events that wait, and those that wait for ever because Temps did not write them."""
    replays = Replays(Tiles().frontier(tree.size)) if verdict.whole else None
    unsealed = read(Event.objects.filter(position=None).order_by("id"), "id", "code")
    for start in range(0, len(unsealed), CHUNK):
        for row, leaf in sifted(unsealed[start : start + CHUNK], tree, replays):
            if leaf is not None:
                verdict.unsealed += 1
            elif Event.objects.filter(pk=row[0], position=None).exists():  # else it has been sealed since it was read
                what = f"the event {row[1 + PUBLIC_ID]} was not written by Temps as it stands, or was put in again"
                verdict.problems.append(Problem(what))
