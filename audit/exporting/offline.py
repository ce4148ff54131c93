"""Verifying an export with nothing but its files and a public key: no database, no settings, no network.

First the proof is held against what the log signed; then every entry against its hash in the proof. Each line is read,
rendered anew and compared, so that what was verified is the very line that stands in the file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from operator import itemgetter
from pathlib import Path

from audit.exporting.coverage import first_moment
from audit.exporting.formats import FORMATS, read
from audit.exporting.layout import Malformed, Proof, entry_lines, find_middle, read_proof
from audit.exporting.statement import ExportText
from audit.models import ExportFormat
from audit.proof.canonical import canonical
from audit.proof.merkle import Frontier, leaf_hash, root_of
from audit.proof.notes import CheckpointText, RedactionText, RetirementText
from audit.proof.redactions import covered
from audit.proof.tiles import TILE
from audit.proof.verdict import Problem
from temps.lib import clock
from temps.lib.errors import Invalid
from temps.lib.signing import BadSignature, Verifier

NEAR = 4 * TILE
"""Entries and hashes that are looked at to say what happened around the first that is wrong."""
EVERY = 4096
"""Entries between two calls of the progress."""

Keys = Callable[[str], Sequence[Verifier]]
"""The keys whose signatures count, given the name of the log: a key in PEM form has no name of its own."""
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Report:
    """What was found. Without a problem, the entries are all that the log sealed from ``since`` to ``until``."""

    statement: ExportText | None = None
    since: CheckpointText | None = None
    """The checkpoint before the first entry; None at the very beginning of the log."""
    until: CheckpointText | None = None
    """The checkpoint after the last entry; None for a log without entries."""
    verified: int = 0
    redacted: int = 0
    """Entries as they were redacted for an erased person before the export was made."""
    retired: int = 0
    problem: Problem | None = None

    @property
    def whole(self) -> bool:
        return self.problem is None


class Wrong(Exception):
    """Verification ends here."""

    def __init__(self, what: str, position: int | None = None, event: str = "") -> None:
        super().__init__(what)
        self.problem = Problem(what, position, event)


def verify_file(path: Path, keys: Keys, *, proof: Path | None = None, progress: Progress | None = None) -> Report:
    """Verify the export in ``path``. Its proof is in ``proof``, else in the document itself or in the file beside it.

    Raises :class:`Invalid` when a file cannot be read.
    """
    report = Report()
    try:
        _Verification(_find_proof(path, proof), path, keys, report, progress or (lambda _done, _all: None)).go()
    except Wrong as wrong:
        report.problem = wrong.problem
    except Malformed as error:
        said = report.statement
        unlike = said is not None and said.format != ExportFormat.JSON and not report.verified + report.redacted
        or_else = f", or its proof belongs to another ({_named(said)})" if said is not None and unlike else ""
        report.problem = Problem(f"this is not a whole export{or_else}: {error}")
    except OSError as error:
        name = Path(error.filename).name if error.filename else path.name
        raise Invalid(f"cannot read {name}: {error.strerror or 'it is no file'}", field="file") from None
    return report


def _find_proof(path: Path, proof: Path | None) -> Proof:
    if proof is not None:
        return read_proof(proof)
    inside = find_middle(path)
    if inside is not None:
        return read_proof(path, inside, "}")
    beside = path.with_name(f"{path.name}.proof.json")
    if not beside.exists():
        raise Invalid(f"there is no {beside.name} beside it: name its proof with --proof", field="proof")
    return read_proof(beside)


@dataclass(frozen=True, slots=True)
class _Line:
    """An entry of the file: its hash (None if nothing that Temps wrote can look like this) and its event."""

    leaf: bytes | None
    event: str = ""


class _Verification:
    def __init__(self, proof: Proof, path: Path, keys: Keys, report: Report, progress: Progress) -> None:
        self.proof, self.path, self.report, self.progress = proof, path, report, progress
        self.keys = keys(proof.export.partition("\n")[0])
        self.said = report.statement = self._statement()
        self.first, self.end = self.said.first, self.said.end
        retired = (self._retired(note) for note in proof.retired)
        # What was retired only after the export was made is in it.
        self.retired = sorted((one for one in retired if one.time <= self.said.time), key=lambda one: one.first)
        self.reach = list(accumulate((text.last for text in self.retired), max))
        self.fitting = self.first
        """How far the hashes of the proof fit what was signed."""
        self.redacted = self._redactions()

    def go(self) -> None:
        unsound = self._follow_hashes(self._checkpoints())
        try:
            self._compare()
        except Wrong as wrong:
            position = wrong.problem.position
            if unsound is not None and (position is None or position >= self.fitting):
                raise unsound from None
            raise
        if unsound is not None:
            raise unsound

    # What was signed

    def _statement(self) -> ExportText:
        try:
            said = ExportText.opened(self.proof.export, self.keys)
        except BadSignature as error:
            raise Wrong(f"the statement about the export does not count: {error}") from None
        if said.format not in FORMATS:
            raise Wrong(f"this version of Temps does not know the format {said.format}")
        if (self.proof.path == self.path) is not (said.format == ExportFormat.JSON):
            raise Wrong(f"the proof belongs to another export: {_named(said)}")
        return said

    def _checkpoint(self, note: str) -> CheckpointText:
        try:
            signed = CheckpointText.opened(note, self.keys)
        except BadSignature as error:
            raise Wrong(f"a checkpoint in the proof does not count: {error}") from None
        if signed.origin != self.said.origin:
            raise Wrong("a checkpoint in the proof is about another log")
        return signed

    def _retired(self, note: str) -> RetirementText:
        try:
            retired = RetirementText.opened(note, self.keys)
        except BadSignature as error:
            raise Wrong(f"a statement about retired entries does not count: {error}") from None
        if retired.origin != self.said.origin:
            raise Wrong("a statement about retired entries is about another log")
        return retired

    def _redactions(self) -> dict[int, bytes]:
        """The hashes that redacted entries have now, by position; of two statements the later one counts."""
        if len(self.proof.redacted) != len(self.proof.rewritten):
            raise Wrong("the proof has another number of statements about redacted entries than it should")
        signed: list[tuple[int, dict[int, bytes]]] = []
        for note, rows in zip(self.proof.redacted, self.proof.rewritten, strict=True):
            try:
                text = RedactionText.opened(note, self.keys)
            except BadSignature as error:
                raise Wrong(f"a statement about redacted entries does not count: {error}") from None
            if text.origin != self.said.origin:
                raise Wrong("a statement about redacted entries is about another log")
            if (len(rows), root_of(covered(*row) for row in rows)) != (text.count, text.root):
                raise Wrong("a statement about redacted entries is not about those that stand beside it")
            if text.time <= self.said.time:  # what was redacted only after the export was made is in it as it was
                signed.append((text.number, dict(rows)))
        return {at: leaf for _number, rows in sorted(signed, key=itemgetter(0)) for at, leaf in rows.items()}

    def _checkpoints(self) -> list[CheckpointText]:
        """Those of the proof, in order; the last is where the export ends."""
        before = self._checkpoint(self.proof.before) if self.proof.before else None
        if (before.size if before else 0) != self.first:
            raise Wrong("the proof lacks the checkpoint before its first entry")
        if before is not None and before.time >= first_moment(self.said.start_date):
            raise Wrong(
                f"it does not hold all of its days: it begins with what was sealed after {clock.iso(before.time)}, and "
                f"the first day is {self.said.start_date}"
            )
        signed = [self._checkpoint(note) for note in self.proof.checkpoints]
        sizes = [self.first, *(one.size for one in signed)]
        if sizes != sorted(set(sizes)) or sizes[-1] != self.end:
            raise Wrong("the checkpoints of the proof are not those from its first to its last entry")
        self.report.since, self.report.until = before, signed[-1] if signed else before
        return signed

    # The hashes of the proof

    def _follow_hashes(self, signed: list[CheckpointText]) -> Wrong | None:
        """Lead the hashes from the peaks to every signed root; what is wrong with them, if anything is."""
        try:
            frontier = Frontier(self.first, list(self.proof.peaks))
        except ValueError:
            raise Wrong("the proof has another number of peaks than it should") from None
        if self.report.since is not None and frontier.root() != self.report.since.root:
            raise Wrong("the peaks of the proof are not those of the checkpoint before its first entry")
        leaves = self.proof.leaves(self.first, self.end)
        for checkpoint in signed:
            for leaf in islice(leaves, checkpoint.size - frontier.size):
                frontier.append(leaf)
            if frontier.root() != checkpoint.root:
                return Wrong(
                    f"or one that follows it before entry {checkpoint.size} is not what was signed at "
                    f"{clock.iso(checkpoint.time)}: the hashes of the proof were changed",
                    self.fitting,
                )
            self.fitting = checkpoint.size
        next(leaves, None)  # there is none, but now the end of the proof has been looked at
        return None

    # The entries

    def _compare(self) -> None:
        lines = self._lines()
        line = next(lines, None)
        leaves = self._leaves_now()
        for position, leaf in enumerate(leaves, self.first):
            if line is not None and line.leaf == leaf:
                self.report.redacted += position in self.redacted
                self.report.verified += position not in self.redacted
                line = next(lines, None)
            elif self._is_retired(position):
                self.report.retired += 1
            else:
                raise self._wrong(position, leaf, line, list(islice(lines, NEAR)), list(islice(leaves, NEAR)))
            if not position % EVERY:
                self.progress(position - self.first, self.end - self.first)
        if line is not None:
            raise Wrong("was put in: the export ends before it", self.end, line.event)

    def _leaves_now(self) -> Iterator[bytes]:
        """The hashes that the entries of the file should have."""
        for position, leaf in enumerate(self.proof.leaves(self.first, self.end), self.first):
            yield self.redacted.get(position, leaf)

    def _lines(self) -> Iterator[_Line]:
        for line in entry_lines(self.path, self.said):
            try:
                entry = read(line, self.said.format)
                yield _Line(leaf_hash(canonical(entry)), str(entry["metadata"]["eventId"]))
            except (ValueError, KeyError, TypeError):
                yield _Line(None)

    def _wrong(self, position: int, leaf: bytes, line: _Line | None, lines: list[_Line], leaves: list[bytes]) -> Wrong:
        """As :meth:`_name`, unless the file and its proof have nothing in common."""
        beside = self.proof.path != self.path
        if beside and line is not None and not self.report.verified + self.report.redacted:
            known = {leaf, *leaves}
            if not any(one.leaf in known for one in (line, *lines)):
                return Wrong(
                    f"none of its first entries is in the proof: the proof belongs to another export "
                    f"({_named(self.said)}), or all of them were changed"
                )
        return self._name(position, leaf, line, lines, leaves)

    def _name(self, position: int, leaf: bytes, line: _Line | None, lines: list[_Line], leaves: list[bytes]) -> Wrong:
        """What is wrong at ``position``, where ``line`` stands and ``leaf`` should; the others are what follows."""
        if line is None:
            return Wrong(f"is missing, as are all that follow it: the file ends before entry {self.end - 1}", position)
        its_place = leaves.index(line.leaf) + position + 1 if line.leaf in leaves else None
        comes_later = any(later.leaf == leaf for later in lines)
        if its_place is not None and comes_later:
            return Wrong(
                f"is not in its place: what was sealed as entry {its_place} stands there", position, line.event
            )
        if its_place is not None:
            return Wrong(f"is missing: the file goes on with entry {its_place}", position)
        if comes_later:
            return Wrong("has something before it that was put in", position, line.event)
        if position in self.redacted:
            what = "was redacted for an erased person, and is not what it said from then on"
            return Wrong(f"{what}: it was changed, or put back", position, line.event)
        return Wrong("is not what was sealed: it was changed, or put in another's place", position, line.event)

    def _is_retired(self, position: int) -> bool:
        after = bisect_right(self.retired, position, key=lambda text: text.first)
        return after > 0 and self.reach[after - 1] >= position


def _named(said: ExportText) -> str:
    return f"{said.export}, {said.start_date} to {said.end_date} as {said.format}"
