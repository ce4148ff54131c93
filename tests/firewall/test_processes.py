"""Processes of their own: servers that have been answering for a while, and a command that changes the rules."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests import peers

TEMPS = Path(sys.executable).with_name("temps")
SOMEONE = "203.0.113.9"


@dataclass
class Host:
    """A host of an installation: its data directory and the database that all hosts share."""

    data: Path
    database: str
    port: int = 0

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        chosen = {"TEMPS_DATA_DIR": str(self.data), "DATABASE_URL": self.database, "TRUSTED_PROXIES": "127.0.0.1/32"}
        return kept | chosen | {"PYTHONPATH": str(Path(__file__).parents[2])}

    def temps(self, *arguments: str) -> None:
        subprocess.run([str(TEMPS), *arguments], env=self.environment, check=True, capture_output=True, cwd=self.data)

    def status(self, address: str = SOMEONE) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/api/v1/", headers={"X-Forwarded-For": address})
            return connection.getresponse().status

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        self.port = peers.free_port()
        options = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port), "--blocking-threads", "4")
        command = [sys.executable, "-m", "granian", *options, "temps.wsgi:application"]
        with peers.running(command, log=self.data / "log", env=self.environment):
            peers.wait_for(lambda: peers.accepts(self.port), "the server answering")
            yield


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    server = os.environ.get("TEMPS_TEST_DATABASE_URL", "")
    if not server:
        return f"sqlite:///{tmp_path_factory.mktemp('shared') / 'temps.sqlite3'}"
    name = f"hosts_{peers.free_port()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, database: str) -> Host:
    host = Host(tmp_path_factory.mktemp("one"), database)
    host.temps("migrate")
    return host


@pytest.fixture(params=["the same data directory", "a data directory of its own"])
def server(request: pytest.FixtureRequest, host: Host, tmp_path: Path) -> Iterator[Host]:
    """A server on the machine of the commands, or one on another that shares the database alone."""
    server = Host(host.data if request.param.startswith("the same") else tmp_path, host.database)
    with server.serving():
        peers.wait_for(lambda: server.status() == 200, "an answer")
        yield server


@pytest.mark.promise("F-01", "F-03")
def test_a_rule_made_by_one_process_holds_in_the_others_within_a_second(host: Host, server: Host) -> None:
    host.temps("firewall", "block", "--ip", SOMEONE)
    peers.wait_for(lambda: server.status() == 403, "the block", seconds=1)
    assert server.status("203.0.113.10") == 200
    host.temps("firewall", "unblock", "--ip", SOMEONE)
    peers.wait_for(lambda: server.status() == 200, "the end of the block", seconds=1)
