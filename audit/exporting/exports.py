"""Exports: the events of a range of days as one private file, written by background work that may die at any moment.

A worker *claims* an export with a random value, writes a draft of its own and moves it into place while it still holds
the claim. A worker that was killed, or whose message was lost, leaves an export that nobody touches; the periodic task
claims it anew. At no time is there a half-written file under the final name, and two workers never mix theirs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import BinaryIO

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Max, Min, Q, QuerySet

from audit.actions import Action, Result
from audit.exporting import document
from audit.models import Event, Export, ExportFormat, ExportState
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound, Unavailable
from temps.lib.files import private_directory
from temps.lib.queue import after_commit

log = structlog.get_logger(__name__)

CHUNK = 1000
"""Events in memory at a time."""
STALE_AFTER = timedelta(minutes=2)
"""Without a sign of life (one each chunk) for this long, a worker counts as dead."""
LOST_AFTER = timedelta(minutes=1)
"""A message that was not picked up for this long counts as lost."""
MAX_ATTEMPTS = 3
KEEP = timedelta(days=7)
"""How long the file of an export stays."""

Progress = Callable[[int, int], None]
"""Called with the events written and the events in all."""


class Overtaken(Exception):
    """Another worker has claimed the export, because this one was silent for too long."""


def file_of(export: Export) -> Path:
    return Path(settings.DATA_DIR) / "exports" / f"{export.public_id}.{export.format}"


@transaction.atomic
def request_export(
    start: date, end: date, *, actor: Actor, file_format: str = ExportFormat.JSON, in_background: bool = True
) -> Export:
    """Ask for the events from ``start`` to ``end`` (days in UTC, both included), written by a task.

    Without ``in_background`` no task is sent: the caller runs :func:`run_export` at once, and the periodic task
    finishes what the caller does not. Reading everything is part of exporting it, so both permissions are needed.
    """
    require(actor, Permission.AUDIT_EXPORT)
    require(actor, Permission.AUDIT_READ)
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
    """Write the file (to ``target``, or into the data directory). None if there is nothing to claim.

    What goes wrong with the file is said in the export's ``error``; the events read so far are not kept.
    """
    require(actor, Permission.AUDIT_EXPORT)
    export = _claim(public_id)
    if export is None:
        return None
    try:
        if export.attempts > MAX_ATTEMPTS:
            return _fail(export, f"given up after {MAX_ATTEMPTS} attempts that never ended", actor=actor)
        return _attempt(export, target or file_of(export), actor=actor, progress=progress or _nobody_watches)
    except Overtaken:
        log.warning("audit.export_overtaken", export=public_id)
        return None


def _attempt(export: Export, place: Path, *, actor: Actor, progress: Progress) -> Export:
    draft = place.with_name(f".{place.name}.{export.claim}")
    try:
        _write(draft, export, progress)
        return _finish(export, draft, place)
    except OSError as error:
        return _fail(export, f"the file could not be written: {error.strerror or type(error).__name__}", actor=actor)
    finally:
        with contextlib.suppress(OSError):  # what could not be written cannot always be removed either
            draft.unlink()


def continue_exports(*, actor: Actor) -> None:
    """Finish what a lost message or a dead worker left undone, then remove files that have had their time."""
    require(actor, Permission.AUDIT_EXPORT)
    left = Q(state=ExportState.PENDING, created_at__lt=clock.now() - LOST_AFTER) | _abandoned()
    for public_id in Export.objects.filter(left).order_by("id").values_list("public_id", flat=True)[:10]:
        run_export(public_id, actor=actor)
    _remove_old_files()


def export_by_id(public_id: str, *, actor: Actor) -> Export:
    """The export, if ``actor`` asked for it. Raises :class:`NotFound` when not."""
    export = Export.objects.visible_to(actor).filter(public_id=public_id).first()
    if export is None:
        raise NotFound("there is no such export")
    return export


@transaction.atomic
def open_export(public_id: str, *, actor: Actor) -> tuple[Export, BinaryIO]:
    """The finished file, opened for reading. Handing it out is recorded, as every reading of everything is."""
    require(actor, Permission.AUDIT_EXPORT)
    require(actor, Permission.AUDIT_READ)
    export = export_by_id(public_id, actor=actor)
    if export.state != ExportState.DONE:
        raise Conflict(f"there is no file to download: the export is {export.state}")
    record(
        actor, Action.AUDIT_DOWNLOAD, export, f"downloaded the audit log from {export.start_date} to {export.end_date}"
    )
    try:
        return export, file_of(export).open("rb")
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


def _write(draft: Path, export: Export, progress: Progress) -> None:
    """Write the document to ``draft`` chunk by chunk, noting size and SHA-256 (FIPS 180-4) on ``export``."""
    private_directory(draft.parent)
    digest = hashlib.sha256()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:

        def put(text: str) -> None:
            data = text.encode("utf-8")
            file.write(data)
            digest.update(data)

        rows, total = _events(export)
        _touch(export, total=total)
        progress(0, export.total)
        put(document.opening(export))
        for chunk in _chunks(rows):
            put(document.entries(chunk, first=export.done == 0))
            _touch(export, done=export.done + len(chunk))
            progress(export.done, export.total)
        put(document.ending(export))
        export.size = file.tell()
        file.flush()
        os.fsync(file.fileno())
    export.sha256 = digest.hexdigest()


def _events(export: Export) -> tuple[QuerySet[Event], int]:
    """The events of the range that exist now, and their number: what is recorded while the file is written is not in
    it. The bounds in keys spare each chunk from looking through the rest of the table for its days."""
    start = datetime.combine(export.start_date, clock_time.min, UTC)
    end = datetime.combine(export.end_date, clock_time.max, UTC)
    rows = Event.objects.filter(timestamp__gte=start, timestamp__lte=end)
    found = rows.aggregate(total=Count("id"), first=Min("id"), last=Max("id"))
    return rows.filter(id__gte=found["first"] or 0, id__lte=found["last"] or 0), found["total"]


def _chunks(rows: QuerySet[Event]) -> Iterator[list[Event]]:
    """``rows`` in the order they were recorded, :data:`CHUNK` at a time.

    By key, not by a database cursor: a cursor would hold a transaction open for as long as the disk takes, and does
    not survive a connection pooler.
    """
    last = 0
    while chunk := list(rows.filter(id__gt=last).order_by("id")[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _touch(export: Export, **changes: int) -> None:
    """A sign of life. Raises :class:`Overtaken` when the claim is another's by now."""
    if not Export.objects.filter(pk=export.pk, claim=export.claim).update(touched_at=clock.now(), **changes):
        raise Overtaken
    for name, value in changes.items():
        setattr(export, name, value)


@transaction.atomic
def _finish(export: Export, draft: Path, place: Path) -> Export:
    """Move the draft into place and say so."""
    _hold(export)
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


def _remove_old_files() -> None:
    for export in Export.objects.filter(state=ExportState.DONE, finished_at__lt=clock.now() - KEEP).iterator(CHUNK):
        file_of(export).unlink(missing_ok=True)
        Export.objects.filter(pk=export.pk).update(state=ExportState.EXPIRED)
    for draft in (Path(settings.DATA_DIR) / "exports").glob(".*"):
        if time.time() - draft.stat().st_mtime > timedelta(days=1).total_seconds():
            draft.unlink(missing_ok=True)


def _nobody_watches(_done: int, _total: int) -> None:
    """The progress of background work is read from the row."""
