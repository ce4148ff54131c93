"""``temps sink``: where the audit log is streamed to."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting, ca_bundle
from audit.sinks import services
from audit.sinks.models import Kind, Sends, Sink
from audit.sinks.services import log_size, sink_by_name
from audit.sinks.targets import CA_BUNDLE_LIMIT, Given
from temps.lib import clock
from temps.lib.cli import show_json, show_table
from temps.lib.durations import parse_duration
from temps.lib.errors import Invalid, Unavailable

Name = Annotated[str, Option("--name", help="What it is called.")]
Sending = Annotated[str, Option("--sends", help="entries, or checkpoints alone.")]
Style = Annotated[str, Option("--format", help="json, cef (syslog alone) or ocsf.")]
Every = Annotated[str, Option("--every", help="At most one checkpoint in so long, such as 1h or 1d.")]
FromStart = Annotated[bool, Option("--from-start", help="Begin with the first entry of the log, not with the next.")]
SecretStdin = Annotated[
    bool, Option("--secret-stdin", help="Read the signing secret (whsec_…) from standard input; made if left out.")
]
STDIN = "-"


def _line(what: str) -> str:
    """One line of standard input; asked for, unseen, at a terminal."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ").strip()
    return sys.stdin.readline(4096).strip()


def _seconds(every: str) -> int:
    return int(parse_duration(every, field="every").total_seconds())


def _row(sink: Sink, size: int) -> dict[str, object]:
    return {
        "id": sink.public_id,
        "name": sink.name,
        "kind": sink.kind,
        "sends": sink.sends,
        "format": sink.format,
        "where": sink.where,
        "state": sink.state.value,
        "cursor": sink.cursor,
        "behind": max(0, size - sink.cursor),
        "last_ok_at": clock.iso(sink.last_ok_at) if sink.last_ok_at else None,
        "failing_since": clock.iso(sink.failing_since) if sink.failing_since else None,
        "last_error": sink.last_error,
    }


def _say_made(sink: Sink, secret: str, as_json: bool) -> None:
    if as_json:
        show_json(_row(sink, log_size()) | ({"secret": secret} if secret else {}))
        return
    print(f"streaming {sink.sends} to {sink.name} ({sink.where}), from position {sink.cursor} on")
    if secret:
        print(f"signing secret, shown this once: {secret}")
    print(f"try it: temps sink test --name {sink.name}", file=sys.stderr)


class Command(TempsCommand):
    help = "Sinks: stream the audit log to syslog, webhooks and mail."

    @command("add-syslog")
    def add_syslog(
        self,
        name: Name,
        host: Annotated[str, Option("--host", help="Name or address of the server.")],
        port: Annotated[int, Option("--port", min=0, max=65535, help="6514 for TLS, 514 for TCP if left out.")] = 0,
        transport: Annotated[str, Option("--transport", help="tls or tcp.")] = "tls",
        ca_file: Annotated[
            str, Option("--ca-file", help="PEM file of the authorities; the system's if left out.")
        ] = "",
        sends: Sending = Sends.ENTRIES.value,
        style: Style = "json",
        every: Every = "",
        from_start: FromStart = False,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Stream to a syslog server (RFC 5424)."""
        given: Given = {"host": host, "port": port or None, "transport": transport, "sends": sends, "format": style}
        if ca_file:
            given["ca_bundle"] = ca_bundle(ca_file, most=CA_BUNDLE_LIMIT)
        if every:
            given["every"] = _seconds(every)
        made = services.create_sink(name, Kind.SYSLOG, actor=acting(as_user), from_start=from_start, **given)
        _say_made(*made, as_json)

    @command("add-webhook")
    def add_webhook(
        self,
        name: Name,
        url: Annotated[str, Option("--url", help="Where to; - reads it from standard input, for one with a token.")],
        secret_stdin: SecretStdin = False,
        sends: Sending = Sends.ENTRIES.value,
        style: Style = "json",
        every: Every = "",
        from_start: FromStart = False,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Post to a web address, signed (Standard Webhooks). Prints the signing secret, this once."""
        address = _line("web address") if url == STDIN else url
        given: Given = {"url": address, "sends": sends, "format": style}
        if every:
            given["every"] = _seconds(every)
        secret = _line("signing secret") if secret_stdin else ""
        if secret_stdin and not secret:
            raise Invalid("there is no signing secret on standard input", field="secret")
        made, secret_now = services.create_sink(
            name, Kind.WEBHOOK, actor=acting(as_user), from_start=from_start, secret=secret, **given
        )
        _say_made(made, "" if secret else secret_now, as_json)

    @command("add-mail")
    def add_mail(
        self,
        name: Name,
        to: Annotated[str, Option("--to", metavar="EMAIL,...", help="Who gets the checkpoints.")],
        every: Every = "1d",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Mail signed checkpoints."""
        sink, _none = services.create_sink(name, Kind.MAIL, actor=acting(as_user), recipients=to, every=_seconds(every))
        _say_made(sink, "", as_json)

    @command("list")
    def list_sinks(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The sinks, how far they are and what is wrong with them."""
        size = log_size()
        rows = [_row(sink, size) for sink in Sink.objects.visible_to(acting(as_user))]
        if as_json:
            show_json(rows)
            return
        columns = ("name", "kind", "sends", "where", "state", "behind", "last_error")
        show_table(
            ("SINK", "KIND", "SENDS", "WHERE", "STATE", "BEHIND", "LAST ERROR"),
            ([row[column] for column in columns] for row in rows),
            empty="no sinks yet: temps sink add-syslog --name logs --host logs.example.com",
        )

    @command()
    def test(self, name: Name, as_user: AsUser = "") -> None:
        """Send a test message and say what came back."""
        actor = acting(as_user)
        tried = services.try_sink(sink_by_name(name, actor=actor), actor=actor)
        if not tried.delivered:
            raise Unavailable(tried.answer)
        print(tried.answer)

    @command()
    def pause(self, name: Name, as_user: AsUser = "") -> None:
        """Send nothing until it is resumed."""
        actor = acting(as_user)
        sink = services.set_enabled(sink_by_name(name, actor=actor), False, actor=actor)
        print(f"paused {sink.name} at position {sink.cursor}")

    @command()
    def resume(self, name: Name, as_user: AsUser = "") -> None:
        """Go on from where it was paused."""
        actor = acting(as_user)
        sink = services.set_enabled(sink_by_name(name, actor=actor), True, actor=actor)
        print(f"{sink.name} goes on from position {sink.cursor}")

    @command()
    def rewind(
        self,
        name: Name,
        position: Annotated[int, Option("--position", min=0, help="Of the entry that is sent next.")],
        as_user: AsUser = "",
    ) -> None:
        """Send again from a position on, or skip to it."""
        actor = acting(as_user)
        sink = services.rewind_sink(sink_by_name(name, actor=actor), position, actor=actor)
        print(f"{sink.name} goes on from position {sink.cursor}")

    @command("rotate-secret")
    def rotate_secret(self, name: Name, secret_stdin: SecretStdin = False, as_user: AsUser = "") -> None:
        """Give a webhook another signing secret."""
        actor = acting(as_user)
        sink = sink_by_name(name, actor=actor)
        secret = _line("signing secret") if secret_stdin else ""
        if secret_stdin and not secret:
            raise Invalid("there is no signing secret on standard input", field="secret")
        made = services.rotate_secret(sink, actor=actor, secret=secret)
        print(f"{name} signs with the secret given" if secret else f"signing secret, shown this once: {made}")

    @command()
    def remove(self, name: Name, as_user: AsUser = "") -> None:
        """Stop streaming there, for good."""
        actor = acting(as_user)
        services.delete_sink(sink_by_name(name, actor=actor), actor=actor)
        print(f"removed {name}")
