"""``temps audit``: what happened."""

from __future__ import annotations

import signal
import threading
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from django_typer.management import DTCommand, command
from typer import Argument, Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting
from audit import keeper
from audit.exporting.cli import FORMATS, export_to, verify_export
from audit.models import Event
from audit.proof import recovery
from audit.proof.cli import show_checkpoint, show_keys, verify_database
from audit.reading import FILTERS, narrowed, visible_events, who
from temps.lib.cli import show_json, show_table
from temps.lib.errors import Invalid

COLUMNS = ("TIME", "WHO", "OPERATION", "WHAT", "RESULT", "ADDRESS")


def _row(event: Event) -> tuple[str, ...]:
    time = f"{event.timestamp:%Y-%m-%d %H:%M:%SZ}"
    return time, who(event), event.operation, event.description, event.result, event.ip_address or "-"


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{option} takes a date such as 2024-01-31", field=option.strip("-").replace("-", "_")) from None


class OnceEach(DTCommand):
    """Refuses an option that is given twice. Otherwise the last would count, and the others look as if they had been
    heeded."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _values, _rest, given = self.make_parser(ctx).parse_args(args=list(args))
        for number, one in enumerate(given):
            if one in given[:number]:
                ctx.fail(f"{one.opts[0]} is given twice")
        return super().parse_args(ctx, args)


class Command(TempsCommand):
    help = "The audit log: read it, export it, verify it."

    @command(cls=OnceEach)
    def logs(
        self,
        limit: Annotated[int, Option("--limit", min=1, max=10_000, help="How many, newest first.")] = 50,
        user: Annotated[str, Option("--user", help=FILTERS["user"])] = "",
        operation: Annotated[str, Option("--operation", help=FILTERS["operation"])] = "",
        project: Annotated[str, Option("--project", help=FILTERS["project"])] = "",
        result: Annotated[str, Option("--result", help=FILTERS["result"])] = "",
        address: Annotated[str, Option("--address", help=FILTERS["address"])] = "",
        since: Annotated[str, Option("--since", help=FILTERS["since"])] = "",
        until: Annotated[str, Option("--until", help=FILTERS["until"])] = "",
        text: Annotated[str, Option("--text", help=FILTERS["text"])] = "",
        resource: Annotated[str, Option("--resource", help=FILTERS["resource"])] = "",
        request: Annotated[str, Option("--request", help=FILTERS["request"])] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """What happened, newest first. An event that ends in "… 41 more times" counts repetitions of an earlier one."""
        rows = narrowed(
            visible_events(acting(as_user)),
            user=user,
            operation=operation,
            project=project,
            result=result,
            address=address,
            since=since,
            until=until,
            text=text,
            resource=resource,
            request=request,
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
        file_format: Annotated[str, Option("--format", help=FORMATS)] = "json",
        file: Annotated[str, Option("--file", help="Where to; the data directory if left out.")] = "",
        as_user: AsUser = "",
    ) -> None:
        """Write the entries of these days, and their proof, to files that only you can read."""
        start, end = _day(start_date, "--start-date"), _day(end_date, "--end-date")
        export_to(file, start, end, file_format, actor=acting(as_user))

    @command()
    def verify(
        self,
        file: Annotated[
            Path | None,
            Argument(metavar="[FILE]", help="An export, verified without a database; the log itself if left out."),
        ] = None,
        public_key: Annotated[
            str,
            Option(
                "--public-key",
                metavar="KEY",
                help="A verifier key or a file with one. An export needs it; the log itself has its own.",
            ),
        ] = "",
        checkpoint: Annotated[
            list[Path] | None,
            Option("--checkpoint", metavar="NOTE", help="A checkpoint kept elsewhere; repeatable."),
        ] = None,
        proof: Annotated[
            Path | None, Option("--proof", help="The proof of FILE; FILE.proof.json if left out and not in it.")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Hold the log, or an export of it, against its signed checkpoints; exit status 1 and the first bad entry
        unless it is whole."""
        if file is not None:
            if checkpoint:
                raise Invalid("--checkpoint is for the log itself: an export carries its own", field="checkpoint")
            verify_export(file.expanduser(), public_key, proof, as_json=as_json)
            return
        if proof is not None:
            raise Invalid("--proof is for an export: name its file", field="proof")
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
