"""Passwords are hashed few at a time, and nobody waits without end."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import hashing
from accounts.errors import Busy
from accounts.hashing import Turns
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


def test_afterwards_people_sign_in_again(world: World) -> None:
    assert obtain(world.member).status_code == 200
