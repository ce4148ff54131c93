"""Passwords are hashed few at a time, and nobody waits without end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts import hashing
from accounts.errors import Busy
from accounts.hashing import Turns
from accounts.middleware import Copies, api, page
from temps.management.commands.up import WEB_THREADS
from tests.accounts.test_tokens import TOKEN, ask, obtain
from tests.world import World

pytestmark = pytest.mark.promise("A-12")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when others hash and wait already: there is no place left."""
    for place in ("sign_in", "middleware"):
        monkeypatch.setattr(f"accounts.{place}.passwords", Turns(0, 0))


def test_so_many_have_their_turn_and_those_after_them_are_told_at_once() -> None:
    turns = Turns(2, 0)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(turns.turn())
        with pytest.raises(Busy), turns.turn():
            pass
    with turns.turn():
        pass


def test_whoever_waits_too_long_goes_away_and_leaves_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "LONGEST_WAIT_SECONDS", 0.01)
    turns = Turns(1, 1)
    with turns.turn():
        for _ in range(3):
            with pytest.raises(Busy), turns.turn():
                pass
    with turns.turn():
        pass


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns(1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn():
            raise ZeroDivisionError
    with turns.turn():
        pass


def test_threads_are_left_for_everybody_else() -> None:
    assert hashing.AT_ONCE + hashing.WAITING <= WEB_THREADS // 2


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("email", ["member@example.com", "stranger@example.com"])
def test_the_answer_is_the_same_whoever_it_is(world: World, email: str) -> None:
    answer = ask(TOKEN, email=email, password="whatever it is")
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (503, "1", "busy")
    assert answer.json()["detail"] == "too many people are signing in just now: try again in 1 second"


@pytest.mark.usefixtures("full")
def test_nothing_else_is_done_for_whoever_is_sent_away(world: World) -> None:
    assert Client().get("/healthz").status_code == 200  # the policy of the firewall is read once
    with CaptureQueriesContext(connection) as queries:
        assert ask(TOKEN, email=world.member.email, password="whatever it is").status_code == 503
    assert len(queries) == 0


@pytest.mark.usefixtures("full")
def test_the_page_says_so_too(client: Client, world: World) -> None:
    answer = client.post("/accounts/login/", {"login": world.viewer.email, "password": "whatever it is"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "Very busy" in answer.content.decode()


@pytest.fixture
def application() -> Iterator[Copies]:
    """As a server calls it, but for the end of connections: as with Django's own client, the test is within one."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield Copies(get_wsgi_application())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def posted(application: Any, path: str, **environ: str) -> tuple[str, dict[str, str], bytes]:
    started: list[Any] = []
    request = RequestFactory().post(path, {"login": "a@example.com", "password": "guess"}, **environ)
    body = b"".join(application(request.environ, lambda *start: started.append(start)))
    return started[0][0], dict(started[0][1]), body


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("path", [page(), api()])
def test_of_many_that_are_sent_away_one_goes_through_django(
    world: World, application: Copies, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.middleware.COPIED_FOR_SECONDS", 3600)
    status, headers, body = posted(application, path, HTTP_ORIGIN="https://app.example.com")
    assert (status, headers["Retry-After"], headers["X-Frame-Options"]) == ("503 Service Unavailable", "1", "DENY")
    copies = [posted(application, path) for _ in range(3)]
    assert {(copy[1]["X-Request-Id"], copy[2]) for copy in copies} == {(headers["X-Request-Id"], body)}
    assert not any("Set-Cookie" in copy[1] for copy in copies)
    monkeypatch.setattr("accounts.middleware.COPIED_FOR_SECONDS", -1)
    assert posted(application, path)[1]["X-Request-Id"] != headers["X-Request-Id"]


def test_nobody_gets_a_copy_of_what_was_said_to_somebody(world: World, application: Copies) -> None:
    one, other = posted(application, api()), posted(application, api())
    assert (one[0], one[1]["X-Request-Id"] == other[1]["X-Request-Id"]) == ("400 Bad Request", False)


@pytest.mark.usefixtures("full")
def test_a_page_that_asks_for_no_password_is_not_concerned(world: World, application: Copies) -> None:
    assert posted(application, "/accounts/logout/")[0].startswith(("302", "403", "405"))


def test_afterwards_people_sign_in_again(world: World) -> None:
    assert obtain(world.member).status_code == 200
