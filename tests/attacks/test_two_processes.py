"""What is ended in one process is refused by another at its next request, whatever that had kept in its memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import requests

from temps.management.commands.up import web_command
from tests import peers
from tests.machine import Machine

pytestmark = pytest.mark.xdist_group("two_processes")

EMAIL, PASSWORD = "owner@example.com", "a long and unguessable phrase 7"


@dataclass
class Person:
    """A browser or a program that speaks with both processes, with the same cookies or the same header."""

    here: int
    there: int
    http: requests.Session = field(default_factory=requests.Session)

    def asks(self, port: int, method: str, path: str, body: Any = None) -> requests.Response:
        base = f"http://127.0.0.1:{port}"
        headers = {"X-CSRFToken": self.http.cookies.get("temps_csrf") or "", "Referer": f"{base}/"}
        return self.http.request(method, base + path, json=body, headers=headers, timeout=30)

    def does(self, method: str, path: str, body: Any = None) -> Any:
        """In the first process; what it answers."""
        answer = self.asks(self.here, method, path, body)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def status(self) -> list[int]:
        """As both processes see it, the other one first."""
        return [self.asks(port, "GET", "/api/v1/users/me/").status_code for port in (self.there, self.here)]

    def signs_in(self) -> Person:
        page = f"http://127.0.0.1:{self.here}/accounts/login/"
        self.http.get(page, timeout=30)
        form = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": self.http.cookies["temps_csrf"]}
        assert self.http.post(page, form, timeout=30, allow_redirects=False).status_code == 302
        return self

    def comes_with(self, token: str) -> Person:
        self.http.headers["Authorization"] = f"Bearer {token}"
        return self


@dataclass(frozen=True)
class Two:
    """A machine whose web process runs twice: at its port, and at another."""

    machine: Machine
    port: int

    def person(self) -> Person:
        return Person(self.machine.port, self.port)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """With one account, on one database."""
    home = tmp_path_factory.mktemp("two")
    machine = Machine(home / "data", peers.free_port())
    machine.home.mkdir()
    server = os.environ.get("TEMPS_TEST_DATABASE_URL", "")
    if server:
        machine.database_url = server.rpartition("/")[0] + f"/two_{machine.port}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE two_{machine.port}")
    machine.temps("migrate")
    machine.temps("user", "create", "--email", EMAIL, "--role", "viewer", "--password-stdin", stdin=f"{PASSWORD}\n")
    ports = (machine.port, peers.free_port())
    with contextlib.ExitStack() as stack:
        for port in ports:
            command = web_command("127.0.0.1", port)
            stack.enter_context(peers.running(command, log=home / f"{port}.log", env=machine.environment))
        peers.wait_for(lambda: all(map(peers.accepts, ports)), "both answering", seconds=120)
        yield Two(machine, ports[1])


@pytest.mark.promise("A-11")
def test_a_session_that_was_ended_elsewhere(two: Two) -> None:
    thief, owner = two.person().signs_in(), two.person().signs_in()
    assert thief.status() == [200, 200]
    (other,) = [one for one in owner.does("GET", "/api/v1/sessions/") if not one["current"]]
    owner.does("DELETE", f"/api/v1/sessions/{other['id']}/")
    assert thief.status() == [401, 401]
    assert owner.status() == [200, 200]


@pytest.mark.promise("A-11")
def test_all_others_at_once(two: Two) -> None:
    others, owner = [two.person().signs_in() for _ in range(2)], two.person().signs_in()
    assert [one.status() for one in others] == [[200, 200]] * 2
    owner.does("POST", "/api/v1/sessions/end-others/")
    assert [one.status() for one in others] == [[401, 401]] * 2
    assert owner.status() == [200, 200]


@pytest.mark.promise("A-09")
def test_a_key_that_was_revoked_elsewhere(two: Two) -> None:
    owner = two.person().signs_in()
    made = owner.does("POST", "/api/v1/api-keys/", {"name": "CI", "scopes": ["projects:read"]})
    program = two.person().comes_with(made["key"])
    assert program.status() == [200, 200], "both have hashed it, and keep the verdict"
    owner.does("DELETE", f"/api/v1/api-keys/{made['id']}/")
    assert program.status() == [401, 401]


@pytest.mark.promise("A-09")
def test_a_secret_that_was_replaced_elsewhere_without_grace(two: Two) -> None:
    owner = two.person().signs_in()
    made = owner.does("POST", "/api/v1/api-keys/", {"name": "CI", "scopes": ["projects:read"]})
    old = two.person().comes_with(made["key"])
    assert old.status() == [200, 200]
    rotated = owner.does("POST", f"/api/v1/api-keys/{made['id']}/rotate/", {"grace": "0"})
    assert old.status() == [401, 401]
    assert two.person().comes_with(rotated["key"]).status() == [200, 200]


@pytest.mark.promise("A-07")
def test_tokens_that_were_revoked_elsewhere(two: Two) -> None:
    pair = two.person().does("POST", "/api/v1/auth/token", {"email": EMAIL, "password": PASSWORD})
    program = two.person().comes_with(pair["access"])
    assert program.status() == [200, 200]
    two.person().does("POST", "/api/v1/auth/revoke", {"token": pair["refresh"]})
    assert program.status() == [401, 401]


@pytest.mark.promise("A-08", "A-11")
def test_an_account_that_a_command_disabled(two: Two) -> None:
    owner = two.person().signs_in()
    made = owner.does("POST", "/api/v1/api-keys/", {"name": "CI", "scopes": ["projects:read"]})
    program = two.person().comes_with(made["key"])
    assert (owner.status(), program.status()) == ([200, 200], [200, 200])
    two.machine.temps("user", "disable", "--email", EMAIL)
    assert (owner.status(), program.status()) == ([401, 401], [401, 401])
    two.machine.temps("user", "enable", "--email", EMAIL)
    assert owner.status() == [401, 401], "what was ended does not come back"
