"""``temps audit``: what happened."""

from __future__ import annotations

import signal
import threading
from datetime import date
from pathlib import Path
from typing import Annotated

from django_typer.management import command
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting
from audit import keeper
from audit.exporting.exports import file_of, request_export, run_export
from audit.models import Event, ExportState
from audit.proof import recovery
from audit.proof.cli import show_checkpoint, show_keys, verify_database
from audit.reading import narrowed, visible_events, who
from temps.lib.actor import Actor
from temps.lib.cli import show_json, show_table
from temps.lib.errors import Conflict, Invalid, Unavailable

COLUMNS = ("TIME", "WHO", "OPERATION", "WHAT", "RESULT", "ADDRESS")


def _row(event: Event) -> tuple[str, ...]:
    time = f"{event.timestamp:%Y-%m-%d %H:%M:%SZ}"
    return time, who(event), event.operation, event.description, event.result, event.ip_address or "-"


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{option} takes a date such as 2024-01-31", field=option.strip("-").replace("-", "_")) from None


class Command(TempsCommand):
    help = "The audit log: read it, export it, verify it."

    @command()
    def logs(
        self,
        limit: Annotated[int, Option("--limit", min=1, max=10_000, help="How many, newest first.")] = 50,
        user: Annotated[str, Option("--user", help="Email or id of who did it.")] = "",
        operation: Annotated[str, Option("--operation", help="Such as DEPLOYMENT_CREATE.")] = "",
        project: Annotated[str, Option("--project", help="The slug.")] = "",
        result: Annotated[str, Option("--result", help="success, denied or failure.")] = "",
        since: Annotated[str, Option("--since", help="30m, 2h, 7d, or a date or time (UTC).")] = "",
        text: Annotated[str, Option("--text", help="Found in the description or the resource id.")] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """What happened, newest first."""
        rows = narrowed(
            visible_events(acting(as_user)),
            user=user,
            operation=operation,
            project=project,
            result=result,
            since=since,
            text=text,
        )
        events = rows.order_by("-id")[:limit]
        if as_json:
            show_json([event.as_entry() for event in events])
        else:
            show_table(COLUMNS, map(_row, events), empty="no events that match and that you may see")

    @command()
    def export(
        self,
        start_date: Annotated[str, Option("--start-date", help="The first day (UTC), as 2024-01-01.")],
        end_date: Annotated[str, Option("--end-date", help="The last day (UTC), included.")],
        file_format: Annotated[str, Option("--format", help="json")] = "json",
        file: Annotated[str, Option("--file", help="Where to; the data directory if left out.")] = "",
        as_user: AsUser = "",
    ) -> None:
        """Write the events of these days to a file that only you can read."""
        start, end = _day(start_date, "--start-date"), _day(end_date, "--end-date")
        target = _free(Path(file)) if file else None
        actor = acting(as_user)
        export = request_export(start, end, actor=actor, file_format=file_format, in_background=False)
        done = _with_progress_bar(export.public_id, target, actor)
        print(target or file_of(export))
        Console(stderr=True, highlight=False).print(f"{done} events")

    @command()
    def verify(
        self,
        public_key: Annotated[
            str,
            Option("--public-key", metavar="KEY", help="A verifier key or a file with one; else the log's own."),
        ] = "",
        checkpoint: Annotated[
            list[Path] | None,
            Option("--checkpoint", metavar="NOTE", help="A checkpoint kept elsewhere; repeatable."),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Hold the log against its signed checkpoints; exit status 1 and the first bad entry unless it is whole."""
        verify_database(public_key, checkpoint or [], as_json=as_json)

    @command()
    def checkpoint(self, as_json: AsJson = False) -> None:
        """Print the newest signed checkpoint. Kept elsewhere, it proves what the log held when it was signed."""
        show_checkpoint(as_json=as_json)

    @command()
    def key(
        self,
        pem: Annotated[bool, Option("--pem", help="In PEM form.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Print the public keys that checkpoints are verified with, newest first."""
        show_keys(pem=pem, as_json=as_json)

    @command()
    def keep(self) -> None:
        """Seal and stream the log until stopped: one of the processes of temps up."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        keeper.keep(stop)

    @command()
    def recover(
        self,
        reason: Annotated[str, Option("--reason", help="What happened; it is recorded.")],
        as_user: AsUser = "",
    ) -> None:
        """Let the log go on after its database was put back from a backup, or its stored hashes were damaged."""
        done = recovery.recover(reason, actor=acting(as_user))
        if done.rebuilt:
            print("the stored hashes were computed anew from the entries, and fit what was signed")
        if done.set_aside:
            print(f"the checkpoint file was ahead of the database; it is now {done.set_aside}")


def _free(path: Path) -> Path:
    path = path.expanduser().absolute()
    if path.exists():
        raise Conflict(f"{path} exists already; nothing was written", field="file")
    if not path.parent.is_dir():
        raise Invalid(f"there is no directory {path.parent}", field="file")
    return path


def _with_progress_bar(public_id: str, target: Path | None, actor: Actor) -> int:
    """Write the file in this process; how many events it holds."""
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("export", total=None)
        export = run_export(
            public_id,
            actor=actor,
            target=target,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if export is None:
        raise Unavailable("the worker has taken this export over: see it in the console")
    if export.state == ExportState.FAILED:
        raise Unavailable(export.error)
    return export.done
