"""``temps run`` on another host, and what it refuses before anything is started."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.api_keys import create_api_key
from audit.models import Event
from secrets_vault import remote
from secrets_vault.services import set_variable
from temps.lib.errors import Invalid, TempsError, Unavailable
from tests import world as worlds
from tests.world import World

Answer = tuple[int, dict[str, str], bytes]


@pytest.mark.promise("S-09")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--project", "shop"), "say what to run"),
        (("--project", "nope", "true"), "there is no project 'nope'"),
        (("--project", "shop", "--env", "nope", "true"), "shop has no environment 'nope'"),
        (("--project", "shop", "--as", "viewer@example.com", "true"), "this needs the permission secrets:reveal"),
    ],
)
def test_what_cannot_be_run_says_why(world: World, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("run", *arguments)


def test_nothing_is_handed_out_for_a_program_that_does_not_exist(world: World) -> None:
    with pytest.raises(CommandError, match="there is no program"):
        call_command("run", "--project", "shop", "no-such-program")
    assert not Event.objects.filter(operation="SECRET_USE").exists()


@pytest.mark.parametrize(
    ("url", "token", "arguments", "message"),
    [
        ("https://temps.example", "", (), "TEMPS_TOKEN is not"),
        ("https://temps.example", "hunter2", ("--as", "a@example.com"), "--as works on the machine"),
        ("http://temps.example", "hunter2", (), "must start with https://"),
        ("ftp://temps.example", "hunter2", (), "must start with https://"),
        ("file:///etc/passwd", "hunter2", (), "is the address of the control plane"),
        ("https://hunter2:x@temps.example", "hunter2", (), "is the address of the control plane"),
        ("http://localhost@temps.example", "hunter2", (), "is the address of the control plane"),
        ("temps.example", "hunter2", (), "is the address of the control plane"),
        ("http://[::1", "hunter2", (), "is the address of the control plane"),
    ],
)
def test_a_token_is_sent_nowhere_unsafe(
    settings: Any, url: str, token: str, arguments: tuple[str, ...], message: str
) -> None:
    settings.TEMPS_URL, settings.TEMPS_TOKEN = url, token
    with pytest.raises(CommandError, match=message) as caught:
        call_command("run", "--project", "shop", *arguments, "true")
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def control_plane() -> Iterator[Callable[[Answer], tuple[str, list[Any]]]]:
    """Something on a port that gives one answer to everything, and the requests that it got."""
    servers: list[HTTPServer] = []

    def start(answer: Answer) -> tuple[str, list[Any]]:
        requests: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append((self.path, self.headers["Authorization"]))
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer[2])

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}", requests

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_redirect_is_not_followed_with_the_token(control_plane: Any) -> None:
    thief, stolen = control_plane((200, {}, b'{"variables": {"A": "1"}}'))
    url, asked = control_plane((302, {"Location": thief}, b""))
    with pytest.raises(Unavailable, match="answers with status 302"):
        remote.bundle(url, "token", "shop", "")
    assert asked == [("/api/v1/projects/shop/bundle/", "Bearer token")]
    assert stolen == []


def test_slugs_stay_in_their_part_of_the_address(control_plane: Any) -> None:
    url, asked = control_plane((200, {}, b'{"variables": {}}'))
    assert remote.bundle(url + "/", "token", "../x?", "a&b=c") == {}
    assert asked[0][0] == "/api/v1/projects/..%2Fx%3F/bundle/?environment=a%26b%3Dc"


@pytest.mark.promise("S-09")
@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (403, b'{"detail": "this needs the permission secrets:reveal"}', "refuses: this needs the permission"),
        (500, b"<h1>oops</h1>", "answers with status 500"),
        (200, b"<html>", "holds no variables"),
        (200, b"[]", "holds no variables"),
        (200, b'{"variables": null}', "holds no variables"),
        (200, b'{"variables": {"A": null}}', "holds no variables"),
        (200, b'{"variables": {"A": "hunter2\\u0000"}}', "holds no variables"),
        (200, b'{"variables": {"A=B": "hunter2"}}', "holds no variables"),
    ],
)
def test_no_answer_but_the_variables_is_taken_for_an_environment(
    control_plane: Any, status: int, body: bytes, message: str
) -> None:
    url, _asked = control_plane((status, {}, body))
    with pytest.raises(TempsError, match=message) as caught:
        remote.bundle(url, "token", "shop", "production")
    assert "hunter2" not in caught.value.message


def test_a_control_plane_that_is_away_is_named(control_plane: Any) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        remote.bundle("http://127.0.0.1:1", "token", "shop", "")


def test_a_token_that_no_header_can_hold_is_refused(control_plane: Any) -> None:
    url, asked = control_plane((200, {}, b'{"variables": {}}'))
    for token in ("hunter2\nX-Other: 1", "hunter2é\u20ac"):
        with pytest.raises(Invalid, match="TEMPS_TOKEN") as caught:
            remote.bundle(url, token, "shop", "")
        assert "hunter2" not in caught.value.message
    assert asked == []


@pytest.mark.promise("S-09")
@pytest.mark.django_db(transaction=True)
def test_a_program_on_another_host_runs_with_the_variables(live_server: Any, tmp_path: Path) -> None:
    world = worlds.build()
    set_variable(world.project, "A", "one\ntwo", encrypted=True, environment=world.production, actor=world.operator)
    _key, token = create_api_key("deploy", owner=world.owner, scopes="secrets:reveal", actor=worlds.acting(world.owner))
    ran = subprocess.run(
        [sys.executable, "-m", "temps", "run", "--project", "shop", "--env", "production", "--", "printenv", "A"],
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "TEMPS_DATA_DIR": str(tmp_path),
            "TEMPS_URL": live_server.url,
            "TEMPS_TOKEN": token,
        },
        cwd=Path(__file__).parents[2],
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("one\ntwo\n", "", 0)
    assert [one.name for one in tmp_path.iterdir()] == ["secret_key"]
    (event,) = Event.objects.filter(operation="SECRET_USE")
    assert (event.user_email, event.metadata["credential"]) == ("owner@example.com", "api_key")
