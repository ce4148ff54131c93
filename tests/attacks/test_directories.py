"""Guessing at people whom a directory knows: a real OpenLDAP server takes many spellings for one of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.directory.models import Directory
from accounts.directory.protocol import Conversation
from accounts.lockout import counting
from accounts.lockout.models import Lockout
from accounts.lockout.services import remember_network, unlock
from accounts.models import User
from accounts.services import set_active
from temps.lib import clock
from tests.accounts.events import entries
from tests.slapd import Slapd
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-12"), pytest.mark.usefixtures("still_clock")]

Make = Callable[..., Directory]
Answer = tuple[int, str]
TOKEN = "/api/v1/auth/token"
OWN = "alice@example.com"
SECRET, WRONG = "a phrase that only the directory knows", "not that phrase"
LIMIT, MANY = 12, 16


@pytest.fixture(autouse=True)
def _lower(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that fewer tries are enough."""
    monkeypatch.setattr(counting, "LOCKED_AFTER", LIMIT)


@pytest.fixture
def plain(server: Slapd) -> dict[str, str]:
    """What finds people by what is before the @ of any address."""
    return {"user_filter": "(uid=%(local)s)", "uris": server.ldap, "security": "none", "ca_bundle": ""}


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As whom a password was tried at the server, in this order."""
    names: list[str] = []
    real = Conversation.accepts
    monkeypatch.setattr(Conversation, "accepts", lambda self, dn, one: names.append(dn) or real(self, dn, one))
    return names


@pytest.fixture
def alice(make: Make, server: Slapd, plain: dict[str, str]) -> str:
    """The distinguished name of somebody who signed in before."""
    make(**plain)
    dn = server.add_person("alice", SECRET)
    assert ask(OWN, SECRET)[0] == 200
    return dn


def ask(email: str, password: str = WRONG, *, source: str = "192.0.2.1") -> Answer:
    body = {"email": email, "password": password}
    answer = Client(REMOTE_ADDR=source).post(TOKEN, body, content_type="application/json")
    return answer.status_code, str(answer.json().get("code", ""))


def everywhere(emails: Any, password: str = WRONG) -> list[Answer]:
    """One try at each, each from a network of its own."""
    return [ask(email, password, source=f"198.51.{n // 250}.{n % 250}") for n, email in enumerate(emails)]


def spellings(name: str, tries: int = MANY) -> list[str]:
    return [f"{name}@{number}.example" for number in range(tries)]


def test_many_spellings_get_no_more_tries_than_one(alice: str, tried: list[str]) -> None:
    everywhere(spellings("alice"))
    assert tried.count(alice) == LIMIT


@pytest.mark.parametrize("emails", [[OWN] * 9, spellings("alice", 9), ["ALICE@example.com", " alice@example.com "] * 5])
def test_nor_from_one_network(alice: str, tried: list[str], emails: list[str]) -> None:
    for email in emails:
        ask(email)
    assert tried.count(alice) == counting.HERE.free


def test_an_entry_without_an_account_counts_too(
    make: Make, server: Slapd, plain: dict[str, str], tried: list[str]
) -> None:
    make(**plain)
    dn = server.add_person("bob", SECRET)
    everywhere(spellings("bob"))
    assert tried.count(dn) == LIMIT
    assert everywhere(["bob@example.com"], SECRET) == [(401, "wrong_credentials")]
    assert not User.objects.filter(email="bob@example.com").exists()


def test_the_right_password_is_not_tried_either_and_answered_like_a_wrong_one(alice: str, tried: list[str]) -> None:
    everywhere(spellings("alice"))
    tried.clear()
    assert ask("alice@new.example", SECRET, source="203.0.113.9") == (401, "wrong_credentials")
    assert ask(OWN, SECRET, source="203.0.113.9") == (401, "wrong_credentials")
    assert alice not in tried


def test_the_owner_is_told_and_gets_in_from_where_they_were_before(alice: str) -> None:
    user = User.objects.get(email=OWN)
    remember_network(user, "203.0.113.5/32")
    everywhere(spellings("alice"))
    assert Lockout.objects.get(user=user).attempts == LIMIT + 1
    assert entries("USER_LOCK")[0]["resourceId"] == user.public_id
    assert ask(OWN, SECRET, source="203.0.113.5")[0] == 200


def test_an_administrator_lifts_it(alice: str, world: World) -> None:
    everywhere(spellings("alice"))
    unlock(User.objects.get(email=OWN), actor=acting(world.admin))
    assert ask(OWN, SECRET, source="203.0.113.9")[0] == 200


def test_a_lockout_that_has_passed_does_not_lead_to_the_next(alice: str) -> None:
    """The same tries are counted by the address and by the account: they lock it once."""
    everywhere([OWN] * MANY)
    with time_machine.travel(clock.now() + timedelta(seconds=counting.LOCKED_FOR[0] + 1), tick=False):
        assert ask(OWN, source="203.0.113.9") == (401, "wrong_credentials")
        assert ask(OWN, SECRET, source="203.0.113.9")[0] == 200


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("password", [WRONG, SECRET])
def test_no_answer_tells_which_spellings_are_somebody(tried: list[str], password: str) -> None:
    everywhere(spellings("alice", LIMIT))
    tried.clear()
    told = [everywhere([f"{name}@again.example", f"{name}@more.example"], password) for name in ("alice", "nobody")]
    assert told[0] == told[1] == [(401, "wrong_credentials")] * 2
    assert len(tried) == 4


@pytest.mark.usefixtures("alice")
def test_nor_whose_they_are() -> None:
    """The address of the account is asked as if nobody had tried others."""
    everywhere(spellings("alice"))
    for email in spellings("alice", 9):
        ask(email, source="203.0.113.7")
    assert ask(OWN, source="203.0.113.8") == ask(OWN, source="203.0.113.7") == (401, "wrong_credentials")


def test_a_failure_costs_the_same_work_whoever_it_is(
    make: Make, server: Slapd, world: World, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    for name in ("alice", "bob", "viewer"):
        server.add_person(name, SECRET)
    assert ask(OWN, SECRET)[0] == 200
    work: list[str] = []
    for owner, name in ((Conversation, "person"), (Conversation, "accepts"), (counting, "count"), (counting, "shared")):
        monkeypatch.setattr(owner, name, _noted(work, name, getattr(owner, name)))
    done = []
    for number, email in enumerate((OWN, "bob@example.com", "viewer@example.com", "nobody@example.com")):
        work.clear()
        done.append((ask(email, source=f"203.0.113.{number}"), list(work)))
    assert all(one == done[0] for one in done)
    assert {"person", "accepts", "count"} <= set(done[0][1])


def _noted(work: list[str], name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        work.append(name)
        return real(*arguments, **options)

    return call


def test_whoever_types_another_spelling_each_time_waits_for_nothing(alice: str) -> None:
    numbers = count()
    for _ in range(2 * counting.HERE.free + 2):
        assert ask(f"alice@{next(numbers) % 2}.example", SECRET)[0] == 200


def test_the_password_of_somebody_who_cannot_sign_in_is_not_tried(alice: str, world: World, tried: list[str]) -> None:
    set_active(User.objects.get(email=OWN), False, actor=world.operator)
    for password in (WRONG, SECRET):
        assert ask(OWN, password) == (401, "wrong_credentials")
    assert len(tried) == 2
    assert alice not in tried
