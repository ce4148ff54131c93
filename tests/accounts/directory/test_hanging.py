"""A directory that hangs keeps few waiting, and the others are told at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client

from accounts import hashing
from accounts.directory import asking
from accounts.directory.asking import AT_ONCE, WAITING, look_up, note, with_password
from accounts.directory.errors import DirectoryFault
from accounts.directory.models import Directory
from accounts.errors import Busy
from accounts.hashing import Turns
from accounts.models import User
from temps.lib.errors import TempsError
from temps.management.commands.up import WEB_THREADS
from tests.peers import free_port
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

Make = Callable[..., Directory]
SignIn = Callable[[User], Client]
TOKEN = "/api/v1/auth/token"


def plain(port: int) -> dict[str, Any]:
    """A server on this machine that nobody binds to: asking it reads nothing of the database."""
    return {"uris": f"ldap://127.0.0.1:{port}", "security": "none", "ca_bundle": "", "bind_dn": "", "bind_password": ""}


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when as many as may wait for directories already."""
    monkeypatch.setattr(asking, "conversations", Turns(0, 0))


def test_some_wait_for_a_server_that_hangs_and_all_others_are_told_at_once(make: Make, mute: int) -> None:
    directory, told, start = make(**plain(mute), timeout=2), Counter[type[TempsError]](), threading.Barrier(8)

    def ask() -> None:
        start.wait()
        try:
            look_up(directory, "alice@example.com")
        except TempsError as error:
            told[type(error)] += 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == {DirectoryFault: AT_ONCE + WAITING, Busy: 8 - AT_ONCE - WAITING}


def test_threads_are_left_for_everybody_else() -> None:
    assert hashing.AT_ONCE + hashing.WAITING + AT_ONCE + WAITING < WEB_THREADS


def test_who_waited_for_a_server_that_failed_meanwhile_does_not_ask_it_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make(**plain(free_port()))

    class Waiting(Turns):
        @contextmanager
        def turn(self) -> Iterator[None]:
            note(directory, "no answer in time")
            yield

    monkeypatch.setattr(asking, "conversations", Waiting(1, 0))
    with pytest.raises(DirectoryFault, match=r"\Ano answer in time\Z"):
        with_password(directory, "alice@example.com", PASSWORD)


@pytest.mark.usefixtures("full")
def test_while_too_many_wait_everybody_who_fails_hears_the_same(make: Make, client: Client, world: World) -> None:
    make(**plain(free_port()))
    told = set()
    for email in ("viewer@example.com", "unknown@example.com"):
        page = client.post("/accounts/login/", {"login": email, "password": "wrong"})
        answer = client.post(TOKEN, {"email": email, "password": "wrong"})
        told.add((page.status_code, page["Retry-After"], answer.status_code, answer.json()["code"]))
    assert told == {(503, "1", 503, "busy")}


@pytest.mark.usefixtures("full")
def test_passwords_that_are_not_a_directory_s_work_as_ever(make: Make, client: Client, world: World) -> None:
    make(**plain(free_port()))
    assert client.post(TOKEN, {"email": "viewer@example.com", "password": PASSWORD}).status_code == 200


@pytest.mark.usefixtures("full")
def test_an_administrator_who_tries_the_directory_is_told_too(make: Make, signed_in: SignIn, world: World) -> None:
    directory = make(**plain(free_port()))
    path = f"/accounts_directory/directory/{directory.pk}/test/"
    page = signed_in(world.admin).post(path, {"login": "alice@example.com"})
    assert "too many people are signing in just now" in page.content.decode()
