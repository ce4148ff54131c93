"""``temps up``: what it refuses, and how it looks after its processes. All of it runs in the first ten minutes."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from temps.lib.errors import Conflict, Invalid, KeyUnavailable, Unavailable
from temps.management.commands.up import localhost_is_ours, parse_bind, refuse_taken_port
from temps.preparation import lock_data_directory, prepare_database, refuse_unsafe_settings
from temps.supervisor import Supervisor
from tests.peers import free_port, wait_for


@pytest.mark.parametrize(
    ("bind", "parsed"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8000", ("::1", 8000)), ("a.b:1", ("a.b", 1))]
)
def test_where_to_listen(bind: str, parsed: tuple[str, int]) -> None:
    assert parse_bind(bind) == parsed


@pytest.mark.parametrize("bind", ["8000", ":8000", "host:", "host:0", "host:65536", "host:http", ""])
def test_nowhere_to_listen(bind: str) -> None:
    with pytest.raises(Invalid, match="HOST:PORT"):
        parse_bind(bind)


def test_a_taken_port_is_said_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unavailable, match="choose another with --bind"):
            refuse_taken_port(*taken.getsockname())


def listen_beside(address: str, port: int) -> None:
    with socket.socket(socket.AF_INET6) as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        somebody.bind((address, port))
        somebody.listen()


def test_nobody_else_gets_what_is_sent_to_localhost() -> None:
    port = free_port()
    with localhost_is_ours("127.0.0.1", port) as ours:
        assert ours
        for address in ("::1", "::"):
            with pytest.raises(OSError):  # noqa: PT011  in use; or, without IPv6, no address at all
                listen_beside(address, port)
        with pytest.raises(OSError):  # noqa: PT011  refused, so that browsers go on to 127.0.0.1
            socket.create_connection(("::1", port))
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize(("reason", "by_name"), [(errno.EADDRINUSE, False), (errno.EADDRNOTAVAIL, True)])
def test_links_say_the_address_where_somebody_is_there(
    monkeypatch: pytest.MonkeyPatch, reason: int, by_name: bool
) -> None:
    monkeypatch.setattr("socket.socket.bind", Mock(side_effect=OSError(reason, "cannot bind")))
    with localhost_is_ours("127.0.0.1", 8000) as ours:
        assert ours is by_name


@pytest.mark.parametrize("host", ["::1", "::", "192.0.2.1", "temps.example.com"])
def test_links_say_what_was_bound_to_otherwise(host: str) -> None:
    with localhost_is_ours(host, 1) as ours:
        assert not ours


def test_two_of_them_do_not_share_a_data_directory(data_dir: Path) -> None:
    lock = lock_data_directory()
    with pytest.raises(Conflict, match="runs already"):
        lock_data_directory()
    lock.close()
    lock_data_directory().close()


@pytest.mark.promise("O-02")
def test_unsafe_settings_are_refused_in_one_line(settings: Any) -> None:
    settings.PRODUCTION, settings.ALLOWED_HOSTS = True, ["*"]
    with pytest.raises(Invalid, match=r"temps\.E003") as refused:
        refuse_unsafe_settings()
    assert "\n" not in refused.value.message


@pytest.mark.promise("S-01", "S-02")
def test_the_key_is_made_on_the_first_start_and_never_again_for_data_that_is_sealed(db: None, data_dir: Path) -> None:
    from secrets_vault.sealing import column, seal

    prepare_database(print)
    ring = data_dir / "encryption_key"
    assert ring.stat().st_mode & 0o777 == 0o600
    seal("value", project_pk=None, context=column("test", "x", "y"))
    ring.unlink()
    with pytest.raises(KeyUnavailable, match=r"[0-9a-f]{16}"):
        prepare_database(print)
    assert not ring.exists()


@pytest.fixture
def supervisor() -> Iterator[tuple[Supervisor, list[str]]]:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    yield supervisor, said
    supervisor.stop()


def test_a_process_that_dies_is_started_again(supervisor: tuple[Supervisor, list[str]], tmp_path: Path) -> None:
    watched, said = supervisor
    marks = tmp_path / "marks"
    script = f"open({str(marks)!r}, 'a').write('x'); raise SystemExit(3)"
    child = watched.add("short", [sys.executable, "-c", script])
    child.start()

    def twice() -> bool:
        watched._look_after(child)
        child.resume_at = 0  # the pause is not what is tested
        return marks.exists() and len(marks.read_text()) >= 2

    wait_for(twice, "the second start")
    assert "ended with status 3" in said[0]


def test_a_process_that_ignores_the_request_to_stop_is_ended(
    supervisor: tuple[Supervisor, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temps.supervisor.STOP_SECONDS", 0.3)
    watched, said = supervisor
    ready = tmp_path / "ready"
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"open({str(ready)!r}, 'w').close(); time.sleep(60)"
    )
    child = watched.add("stubborn", [sys.executable, "-c", script])
    child.start()
    wait_for(ready.exists, "the child ignoring SIGTERM")
    watched.stop()
    assert not child.alive()
    assert "does not stop" in said[-1]
