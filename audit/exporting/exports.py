"""Exports: the sealed entries of a range of days, with their proof, as private files, written by background work that
may die at any moment.

A worker *claims* an export with a random value, writes drafts of its own and moves them into place while it still holds
the claim. A worker that was killed, or whose message was lost, leaves an export that nobody touches; the periodic task
claims it anew. At no time is there a half-written file under the final name, and two workers never mix theirs.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from audit.actions import Action, Result
from audit.exporting import writing
from audit.models import Export, ExportFormat, ExportState
from audit.proof.tiles import MissingHash
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_recent
from temps.lib import clock, ids
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound, TempsError, Unavailable
from temps.lib.queue import after_commit

log = structlog.get_logger(__name__)

STALE_AFTER = timedelta(minutes=2)
"""Without a sign of life (one each chunk) for this long, a worker counts as dead."""
LOST_AFTER = timedelta(minutes=1)
"""A message that was not picked up for this long counts as lost."""
MAX_ATTEMPTS = 3
KEEP = timedelta(days=7)
"""How long the file of an export stays."""

Progress = Callable[[int, int], None]
"""Called with the entries written and the entries in all."""


class Overtaken(Exception):
    """Another worker has claimed the export, because this one was silent for too long."""


def is_ours(export: Export) -> bool:
    """Whether the row has an id and a format that Temps gives; only then has it a file and addresses."""
    return ids.fits(export.public_id, "exp") and export.format in ExportFormat.values


def file_of(export: Export) -> Path:
    """Where the file of ``export`` is: the one place where its path is made.

    Raises :class:`Unavailable` for a path that would lead out of the directory of exports. Whoever can write to the
    database, and nothing else, could otherwise have any file of this machine read, replaced or removed.
    """
    directory = Path(settings.DATA_DIR) / "exports"
    path = directory / f"{export.public_id}.{export.format}"
    if not is_ours(export) or path.resolve().parent != directory.resolve():
        log.error("audit.export_not_ours", row=export.pk)
        raise Unavailable("this export has no file: its row is none that Temps wrote")
    return path


def is_here(export: Export) -> bool:
    """Whether it can be downloaded here: the command line writes files elsewhere, and other hosts keep theirs."""
    return export.state == ExportState.DONE and is_ours(export) and file_of(export).is_file()


def proof_beside(file: Path, file_format: str) -> Path | None:
    """Where the proof of an export in ``file`` is: beside it, except for JSON, which holds its own."""
    return None if file_format == ExportFormat.JSON else file.with_name(f"{file.name}.proof.json")


@transaction.atomic
def request_export(
    start: date, end: date, *, actor: Actor, file_format: str = ExportFormat.JSON, in_background: bool = True
) -> Export:
    """Ask for the entries from ``start`` to ``end`` (days in UTC, both included), written by a task.

    Without ``in_background`` no task is sent: the caller runs :func:`run_export` at once, and the periodic task
    finishes what the caller does not. Reading everything is part of exporting it, so both permissions are needed.
    """
    require(actor, Permission.AUDIT_EXPORT)
    require(actor, Permission.AUDIT_READ)
    require_recent(actor)
    if file_format not in ExportFormat.values:
        raise Invalid(f"exports are written as {', '.join(ExportFormat.values)}", field="format")
    if end < start:
        raise Invalid("the end date lies before the start date", field="end_date")
    export = Export.objects.create(
        requested_by=actor.id, requested_label=actor.label, start_date=start, end_date=end, format=file_format
    )
    record(
        actor,
        Action.AUDIT_EXPORT,
        export,
        f"asked for the audit log from {start} to {end}",
        metadata={"from": str(start), "to": str(end), "format": str(file_format)},
    )
    if in_background:
        after_commit("audit.export", export.public_id)
    return export


def run_export(
    public_id: str, *, actor: Actor, target: Path | None = None, progress: Progress | None = None
) -> Export | None:
    """Write the file (to ``target``, or into the data directory) and its proof. None if there is nothing to claim.

    What goes wrong is said in the export's ``error``; what was written so far is not kept.
    """
    require(actor, Permission.AUDIT_EXPORT)
    export = _claim(public_id)
    if export is None:
        return None
    try:
        if export.attempts > MAX_ATTEMPTS:
            return _fail(export, f"given up after {MAX_ATTEMPTS} attempts that never ended", actor=actor)
        try:
            place = file_of(export)
        except Unavailable as error:
            return _fail(export, error.public_message, actor=actor)
        return _attempt(export, target or place, actor=actor, progress=progress or _nobody_watches)
    except Overtaken:
        log.warning("audit.export_overtaken", export=public_id)
        return None


def _attempt(export: Export, place: Path, *, actor: Actor, progress: Progress) -> Export:
    # The proof first: whoever finds the file finds its proof too.
    places = [path for path in (proof_beside(place, export.format), place) if path is not None]
    drafts = [path.with_name(f".{path.name}.{export.claim}") for path in places]
    try:
        _write(drafts, export, progress)
        return _finish(export, drafts, places)
    except OSError as error:
        return _fail(export, f"the file could not be written: {error.strerror or type(error).__name__}", actor=actor)
    except MissingHash as error:
        return _fail(export, f"{error}: see temps audit verify", actor=actor)
    except TempsError as error:
        return _fail(export, error.public_message, actor=actor)
    finally:
        for draft in drafts:
            with contextlib.suppress(OSError):  # what could not be written cannot always be removed either
                draft.unlink()


def _write(drafts: list[Path], export: Export, progress: Progress) -> None:
    *proof_draft, draft = drafts
    signed = writing.plan(export)

    def touch(done: int) -> None:
        _touch(export, done=done)
        progress(done, export.total)

    _touch(export, first=export.first or 0, end=export.end or 0, total=export.total)
    progress(0, export.total)
    writing.write(draft, proof_draft[0] if proof_draft else None, export, touch, signed)


def continue_exports(*, actor: Actor) -> None:
    """Finish what a lost message or a dead worker left undone, then remove files that have had their time."""
    require(actor, Permission.AUDIT_EXPORT)
    left = Q(state=ExportState.PENDING, created_at__lt=clock.now() - LOST_AFTER) | _abandoned()
    for public_id in Export.objects.filter(left).order_by("id").values_list("public_id", flat=True)[:10]:
        run_export(public_id, actor=actor)
    _expire_old()
    remove_files()


def export_by_id(public_id: str, *, actor: Actor) -> Export:
    """The export, if ``actor`` asked for it. Raises :class:`NotFound` when not."""
    export = Export.objects.visible_to(actor).filter(public_id=public_id).first()
    if export is None:
        raise NotFound("there is no such export")
    return export


@transaction.atomic
def open_export(public_id: str, *, actor: Actor, proof: bool = False) -> tuple[Export, BinaryIO]:
    """The finished file, or its ``proof``, opened for reading. Handing it out is recorded, as all reading of all is."""
    require(actor, Permission.AUDIT_EXPORT)
    require(actor, Permission.AUDIT_READ)
    export = export_by_id(public_id, actor=actor)
    if export.state != ExportState.DONE:
        raise Conflict(f"there is no file to download: the export is {export.state}")
    file = file_of(export)
    path = proof_beside(file, export.format) if proof else file
    if path is None:
        raise NotFound("a JSON export holds its proof: there is no second file")
    what = "the proof of the audit log" if proof else "the audit log"
    record(actor, Action.AUDIT_DOWNLOAD, export, f"downloaded {what} from {export.start_date} to {export.end_date}")
    try:
        return export, path.open("rb")
    except OSError:
        raise Unavailable("the file of this export is not on this machine") from None


def _abandoned() -> Q:
    return Q(state=ExportState.RUNNING, touched_at__lt=clock.now() - STALE_AFTER)


def _claim(public_id: str) -> Export | None:
    """Take the export over, if it waits or was abandoned. One UPDATE, so that only one of two workers gets it."""
    claim = secrets.token_hex(16)
    taken = Export.objects.filter(Q(state=ExportState.PENDING) | _abandoned(), public_id=public_id).update(
        state=ExportState.RUNNING, claim=claim, touched_at=clock.now(), attempts=F("attempts") + 1, done=0, total=0
    )
    return Export.objects.get(public_id=public_id) if taken else None


def _touch(export: Export, **changes: int) -> None:
    """A sign of life. Raises :class:`Overtaken` when the claim is another's by now."""
    if not Export.objects.filter(pk=export.pk, claim=export.claim).update(touched_at=clock.now(), **changes):
        raise Overtaken
    for name, value in changes.items():
        setattr(export, name, value)


@transaction.atomic
def _finish(export: Export, drafts: list[Path], places: list[Path]) -> Export:
    """Move the drafts into place and say so."""
    _hold(export)
    for draft, place in zip(drafts, places, strict=True):
        draft.replace(place)
    export.state, export.finished_at = ExportState.DONE, clock.now()
    export.save(update_fields=["state", "finished_at", "size", "sha256"])
    return export


@transaction.atomic
def _fail(export: Export, reason: str, *, actor: Actor) -> Export:
    _hold(export)
    export.state, export.error, export.finished_at = ExportState.FAILED, reason[:200], clock.now()
    export.save(update_fields=["state", "error", "finished_at"])
    record(actor, Action.AUDIT_EXPORT, export, f"the export failed: {reason}", result=Result.FAILURE)
    return export


def _hold(export: Export) -> None:
    """Lock the row, so that nobody overtakes until the transaction ends. Raises :class:`Overtaken`."""
    if not Export.objects.select_for_update().filter(pk=export.pk, claim=export.claim).exists():
        raise Overtaken


def _expire_old() -> None:
    old = Export.objects.filter(state=ExportState.DONE, finished_at__lt=clock.now() - KEEP)
    old.update(state=ExportState.EXPIRED)


def remove_files() -> None:
    """Remove the files of exports that have expired, and drafts that nobody writes any more."""
    directory = Path(settings.DATA_DIR) / "exports"
    found = {path.name.lstrip(".").partition(".")[0] for path in directory.glob("*exp_*")}
    for export in filter(is_ours, Export.objects.filter(public_id__in=found)):
        unwanted = [draft for draft in directory.glob(f".{export.public_id}.*") if not _is_being_written(draft, export)]
        with contextlib.suppress(Unavailable, OSError):  # what cannot be removed now is tried again
            if export.state == ExportState.EXPIRED:
                file = file_of(export)
                unwanted += filter(None, (file, proof_beside(file, export.format)))
            for path in unwanted:
                path.unlink(missing_ok=True)
    for draft in directory.glob(".*"):
        if time.time() - draft.stat().st_mtime > timedelta(days=1).total_seconds():
            draft.unlink(missing_ok=True)


def _is_being_written(draft: Path, export: Export) -> bool:
    return export.state == ExportState.RUNNING and draft.name.endswith(f".{export.claim}")


def _nobody_watches(_done: int, _total: int) -> None:
    """The progress of background work is read from the row."""
