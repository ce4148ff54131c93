"""A history to export: entries recorded and sealed at given moments."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import time_machine
from django.db import transaction

from audit.actions import Action
from audit.exporting.exports import file_of, proof_beside, request_export, run_export
from audit.exporting.offline import Report, verify_file
from audit.models import Event, Export, ExportFormat, Tree
from audit.proof.keys import verifiers
from audit.proof.sealer import seal_everything
from audit.services import record
from temps.lib.actor import Actor

SYSTEM = Actor.system("audit.export")
FIRST, LAST = date(2024, 1, 1), date(2024, 1, 31)


def happened(moment: str, *, sealed: bool = True, **metadata: object) -> Event:
    """One entry of that moment (UTC), sealed at once by a checkpoint of its own unless told otherwise."""
    with time_machine.travel(datetime.fromisoformat(moment).replace(tzinfo=UTC), tick=False):
        with transaction.atomic():
            event = record(Actor.operator(), Action.PROJECT_UPDATE, ("project", "shop"), moment, metadata=metadata)
        if sealed:
            seal_everything()
    return event


def a_month(count: int = 8, *, together: bool = False) -> None:
    """``count`` entries of January 2024, then one of February, so that the month is over and sealed."""
    for number in range(count):
        happened(f"2024-01-15T12:{number // 60:02}:{number % 60:02}", sealed=not together)
    happened("2024-02-01T08:00:00")


def asked(
    actor: Actor | None = None, start: date = FIRST, end: date = LAST, file_format: str = ExportFormat.JSON
) -> Export:
    return request_export(start, end, actor=actor or Actor.operator(), file_format=file_format, in_background=False)


def exported(file_format: str = ExportFormat.JSON, start: date = FIRST, end: date = LAST) -> Path:
    """The file of a finished export."""
    export = asked(start=start, end=end, file_format=file_format)
    finished = run_export(export.public_id, actor=SYSTEM)
    assert finished is not None
    assert finished.state == "done", finished.error
    return file_of(finished)


def proof_of(path: Path) -> Path:
    return proof_beside(path, path.suffix.removeprefix(".")) or path


def key() -> str:
    return str(verifiers(Tree.objects.get())[0])


def verified(path: Path, proof: Path | None = None) -> Report:
    keys = verifiers(Tree.objects.get())
    return verify_file(path, lambda _origin: keys, proof=proof)
