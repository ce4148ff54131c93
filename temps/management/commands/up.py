"""``temps up``: the whole platform in one foreground command."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Annotated

from django.conf import settings
from django.db import connection, transaction
from typer import Option

from accounts.cli import TempsCommand
from accounts.setup import setup_url
from audit.actions import Action
from audit.services import record
from temps.lib.actor import Actor
from temps.lib.errors import Invalid, Unavailable
from temps.preparation import lock_data_directory, prepare_database, refuse_unsafe_settings
from temps.supervisor import Supervisor

ANSWER_SECONDS = 60.0
WEB_THREADS = 8


def say(line: str) -> None:
    print(line, flush=True)


class Command(TempsCommand):
    help = "Start Temps: console, API, worker, scheduler and auditor, until Ctrl-C."

    def handle(
        self,
        bind: Annotated[str, Option("--bind", metavar="HOST:PORT", help="Where to listen.")] = "127.0.0.1:8000",
    ) -> None:
        host, port = parse_bind(bind)
        lock = lock_data_directory()
        refuse_unsafe_settings()
        refuse_taken_port(host, port)
        say(f"data directory {settings.DATA_DIR}")
        prepare_database(say)
        with transaction.atomic():
            record(Actor.operator(), Action.SYSTEM_START, ("system", "temps"), f"started on {bind}")
        with closing(lock), localhost_is_ours(host, port) as by_name:
            serve(host, port, f"http://{'localhost' if by_name else _in_url(host)}:{port}")


def serve(host: str, port: int, url: str) -> None:
    """Run all of the processes until one is told to stop."""
    first_steps = setup_url(url)
    connection.close()
    supervisor = Supervisor(say)
    supervisor.add("web", web_command(host, port), **_hosts_for(host))
    supervisor.add("worker", worker_command())
    supervisor.add("scheduler", scheduler_command())
    supervisor.add("auditor", auditor_command())
    supervisor.start()
    try:
        wait_until_it_answers(url, supervisor)
        announce(url, first_steps)
        supervisor.watch()
        say("stopping")
    finally:
        supervisor.stop()


def parse_bind(bind: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPv6]:PORT``. Raises :class:`Invalid`."""
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Invalid(f"'{bind}' is not HOST:PORT", field="bind")
    return host, int(port)


def refuse_taken_port(host: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with --bind"
        ) from None


@contextmanager
def localhost_is_ours(host: str, port: int) -> Iterator[bool]:
    """Whether links may say localhost, as passkeys need: they belong to names and not to IP addresses.

    Browsers try [::1] for that name before 127.0.0.1. Somebody else on this machine who listened there would get the
    setup link and every session, so the port is kept from them meanwhile: bound, and answered by nobody.
    """
    with ExitStack() as held:
        ours = host in ("127.0.0.1", "0.0.0.0") and "localhost" in settings.ALLOWED_HOSTS  # noqa: S104
        if ours:
            try:
                held.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_STREAM)).bind(("::1", port))
            except OSError as error:  # without IPv6 nobody is there
                ours = error.errno != errno.EADDRINUSE
        yield ours


def web_command(host: str, port: int) -> list[str]:
    # One process with threads: limits and caches are shared in memory. With Redis, run more behind a proxy.
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)),
        *("--workers", "1", "--blocking-threads", str(WEB_THREADS), "--no-ws", "--log-level", "error"),
        "temps.wsgi:application",
    ]


def worker_command() -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "--app", "temps", "--quiet", "worker", "--pool", "threads"),
        *("--concurrency", "2", "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


def scheduler_command() -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "temps", "--quiet", "beat", "--loglevel", "WARNING", "--pidfile="]


def auditor_command() -> list[str]:
    return [sys.executable, "-m", "temps", "audit", "keep"]


def wait_until_it_answers(url: str, supervisor: Supervisor) -> None:
    """Poll ``/healthz``; raise :class:`Unavailable` when the web process ends before it answers."""
    web = supervisor.children[0]
    deadline = time.monotonic() + ANSWER_SECONDS
    while not supervisor.stopping:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):  # noqa: S310  our own http address
                return
        except urllib.error.HTTPError:
            return  # it answers, if not to us: a host name that is not allowed, a firewall that works
        except OSError:
            if not web.alive() or time.monotonic() > deadline:
                raise Unavailable("the web process did not start; its messages stand above") from None
            time.sleep(0.1)


def announce(url: str, first_steps: str | None) -> None:
    say(f"Temps is ready on {url}")
    if first_steps:
        say("\nThere is no administrator yet. Open this link once to become the first; it is valid for 24 hours:")
        say(f"\n    {first_steps}\n")
    say("Ctrl-C stops everything.")


def _in_url(host: str) -> str:
    """The host as one would type it: an unspecified address listens everywhere, so localhost reaches it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _hosts_for(host: str) -> dict[str, str]:
    """Unless ALLOWED_HOSTS was given, the address that is listened on is a name that the console answers to."""
    if os.environ.get("ALLOWED_HOSTS") or os.environ.get("ALLOWED_HOSTS_FILE") or settings.PRODUCTION:
        return {}
    return {"ALLOWED_HOSTS": ",".join(dict.fromkeys([*settings.ALLOWED_HOSTS, _in_url(host)]))}
