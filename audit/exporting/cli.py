"""What ``temps audit export`` and ``temps audit verify FILE`` do on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audit.exporting.coverage import first_moment, last_moment
from audit.exporting.exports import file_of, proof_beside, request_export, run_export
from audit.exporting.offline import Report, verify_file
from audit.exporting.statement import ExportText
from audit.models import Event, Export, ExportFormat, ExportState
from audit.proof.cli import read_keys
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.cli import show_json
from temps.lib.errors import Conflict, Invalid, Unavailable


def export_to(target: str, start: date, end: date, file_format: str, *, actor: Actor) -> None:
    """Write an export in this process and print its path."""
    wanted = _free(Path(target), file_format) if target else None
    asked = request_export(start, end, actor=actor, file_format=file_format, in_background=False)
    with _bar("exporting") as progress:
        export = run_export(asked.public_id, actor=actor, target=wanted, progress=progress)
    if export is None:
        raise Unavailable("the worker has taken this export over: see it in the console")
    if export.state == ExportState.FAILED:
        raise Unavailable(export.error)
    path = wanted or file_of(export)
    print(path)
    beside = proof_beside(path, file_format)
    _hint(f"{_how_many(export)}{f'; the proof is in {beside.name}' if beside else ''}")


def verify_export(file: Path, public_key: str, proof: Path | None, *, as_json: bool) -> None:
    """Verify the export in ``file``, print what was found, and exit with status 1 unless it is whole."""
    if not public_key:
        raise Invalid(
            "an export is verified with --public-key KEY: temps audit key prints it on the machine that has the log",
            field="public_key",
        )
    with _bar("verifying", quiet=as_json) as progress:
        report = verify_file(file, lambda origin: read_keys(public_key, origin), proof=proof, progress=progress)
    if as_json:
        show_json(_as_data(report))
    else:
        _tell(report)
    if not report.whole:
        sys.exit(1)


def _how_many(export: Export) -> str:
    """How many entries are of the days asked for, and how many stand there for their proof."""
    written = Event.objects.filter(position__gte=export.first, position__lt=export.end)
    begin, over = first_moment(export.start_date), last_moment(export.end_date)
    count = written.filter(timestamp__gte=begin, timestamp__lte=over).count()
    others = export.done - count
    more = f"; {others:,} {'shares' if others == 1 else 'share'} a checkpoint with them" if others else ""
    return f"{_entries(count)} of these days{more}"


def _free(path: Path, file_format: str) -> Path:
    path = path.expanduser().absolute()
    for one in filter(None, (path, proof_beside(path, file_format))):
        if one.exists():
            raise Conflict(f"{one} exists already; nothing was written", field="file")
    if not path.parent.is_dir():
        raise Invalid(f"there is no directory {path.parent}", field="file")
    return path


@contextmanager
def _bar(what: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tell(report: Report) -> None:
    said = report.statement
    if report.problem is not None or said is None:
        print(f"BAD: {report.problem}")
        if report.verified:
            print(f"before that, {_entries(report.verified)} as sealed")
        return
    begin = f"from {clock.iso(report.since.time)}" if report.since else "from its beginning"
    end = f"to {clock.iso(report.until.time)}" if report.until else "on"
    retired = f", {_entries(report.retired)} of them retired by policy" if report.retired else ""
    print(f"whole: {_entries(said.end - said.first)}{retired}: all that the log {said.origin} sealed {begin} {end}")
    if said.end > said.first:
        print(f"they are its entries {said.first} to {said.end - 1}, in their order, and nothing is missing or changed")
    if report.redacted:
        print(f"{_entries(report.redacted)} of them redacted for erased persons, under signed statements about that")
    print(f"exported at {clock.iso(said.time)} by {said.label} for {said.start_date} to {said.end_date} (UTC)")
    if _ended_early(report):
        print("these days were not over: what was sealed after the time above is not in the file")


def _ended_early(report: Report) -> bool:
    """Whether the days asked for go on after the checkpoint that the export ends with."""
    said, until = report.statement, report.until
    return said is not None and (until is None or until.time <= last_moment(said.end_date))


def _as_data(report: Report) -> dict[str, object]:
    problem, since, until = report.problem, report.since, report.until
    return {
        "whole": report.whole,
        **(_said(report.statement) if report.statement else {}),
        "sealedAfter": clock.iso(since.time) if since else None,
        "sealedUntil": clock.iso(until.time) if until else None,
        "daysWereOver": not _ended_early(report),
        "verified": report.verified,
        "redacted": report.redacted,
        "retired": report.retired,
        "problem": problem and {"position": problem.position, "eventId": problem.event or None, "what": str(problem)},
    }


def _said(said: ExportText) -> dict[str, object]:
    return {
        "origin": said.origin,
        "exportId": said.export,
        "format": said.format,
        "first": said.first,
        "end": said.end,
        "startDate": str(said.start_date),
        "endDate": str(said.end_date),
        "exportedBy": said.label,
        "exportedAt": clock.iso(said.time),
    }


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"


def _hint(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


FORMATS = ", ".join(ExportFormat.values)
