"""Writing the files of an export, in constant memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from django.db import transaction

from audit.exporting import document, proof
from audit.exporting.coverage import covering
from audit.exporting.formats import FORMATS, Format
from audit.exporting.statement import ExportText
from audit.masking import printable
from audit.models import Event, Export, ExportFormat
from audit.proof import rows
from audit.proof.keys import signer_for, tree_for_update, verifiers
from audit.proof.sealer import seal_everything
from temps.lib import clock
from temps.lib.errors import Unavailable
from temps.lib.files import private_directory
from temps.lib.signing import Signer

CHUNK = 2048
"""Entries in memory at a time."""

Touch = Callable[[int], None]
"""Called after each chunk with the entries written so far."""


def plan(export: Export) -> tuple[ExportText, Signer]:
    """Seal all that is committed, and set what ``export`` covers.

    Raises :class:`~temps.lib.errors.TempsError` when the log cannot be sealed: an export of what nobody can verify
    would only look like one.
    """
    seal_everything()
    with transaction.atomic():
        tree = tree_for_update()
        signer = signer_for(tree)
        keys = verifiers(tree)
    covered = covering(export.start_date, export.end_date, keys)
    export.first, export.end = covered.first, covered.end
    export.total = Event.objects.filter(position__gte=covered.first, position__lt=covered.end).count()
    statement = ExportText(
        origin=tree.origin,
        export=export.public_id,
        format=export.format,
        first=covered.first,
        end=covered.end,
        start_date=export.start_date,
        end_date=export.end_date,
        label=printable(export.requested_label),
        time=clock.now(),
    )
    return statement, signer


def write(
    draft: Path, proof_draft: Path | None, export: Export, touch: Touch, signed: tuple[ExportText, Signer]
) -> None:
    """Write the entries to ``draft`` and the proof to ``proof_draft``, or into the one document that JSON is.

    Notes size and SHA-256 (FIPS 180-4) of the file on ``export``. Raises :class:`Unavailable` if entries were removed
    in the meantime: a statement that they were retired would be later than the export, and account for nothing.
    """
    statement, signer = signed
    note = signer.sign(str(statement))
    form = FORMATS[export.format]
    with _File(draft) as file:
        if export.format == ExportFormat.JSON:
            file.put(document.opening(statement) + "\n")
            count = _entries(file, form, statement, touch, between=",\n")
            file.put(("\n" if count else "") + document.middle(count))
            _proof(file, note, statement, ending=document.ending())
        else:
            file.put(form.opening + form.newline if form.opening else "")
            count = _entries(file, form, statement, touch, between=form.newline)
            file.put(form.newline if count else "")
        export.size, export.sha256 = file.close_safely()
    if count != export.total:
        raise Unavailable("entries were removed while they were being exported: ask for the export again")
    if proof_draft is not None:
        with _File(proof_draft) as file:
            _proof(file, note, statement, ending="")
            file.close_safely()


def _entries(file: _File, form: Format, statement: ExportText, touch: Touch, *, between: str) -> int:
    """Write the entries with ``between`` between two of them; how many there were."""
    done = 0
    for chunk in _rows(statement.first, statement.end):
        if chunk:
            file.put((between if done else "") + between.join([_line(form, row) for row in chunk]))
        done += len(chunk)
        touch(done)
    return done


def _rows(first: int, end: int) -> Iterator[list[rows.Row]]:
    """The rows of the entries in their sealed order, :data:`CHUNK` positions at a time.

    By position, not by a database cursor: a cursor would hold a transaction open for as long as the disk takes, and
    does not survive a connection pooler.
    """
    for at in range(first, end, CHUNK):
        chunk = Event.objects.filter(position__gte=at, position__lt=min(at + CHUNK, end)).order_by("position", "id")
        yield rows.read(chunk, "position")


def _line(form: Format, row: rows.Row) -> str:
    try:
        return form.render(rows.entry(row[1:]))
    except (TypeError, ValueError, KeyError, AttributeError):
        raise Unavailable(f"entry {row[0]} is nothing that Temps writes: see temps audit verify") from None


def _proof(file: _File, note: str, statement: ExportText, *, ending: str) -> None:
    before = ""
    for line in proof.lines(note, statement.first, statement.end):
        file.put(before + line)
        before = "\n"
    file.put(ending + "\n")


class _File:
    """A private file that knows its sum, and is on the disk once :meth:`close_safely` returns."""

    def __init__(self, path: Path) -> None:
        private_directory(path.parent)
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._digest = hashlib.sha256()

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, text: str) -> None:
        data = text.encode()
        self._file.write(data)
        self._digest.update(data)

    def close_safely(self) -> tuple[int, str]:
        """Size and SHA-256."""
        size = self._file.tell()
        self._file.flush()
        os.fsync(self._file.fileno())
        return size, self._digest.hexdigest()
