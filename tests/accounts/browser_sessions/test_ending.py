"""Who sees which sessions, who ends them, and what ends them by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.browser_sessions.listing import all_sessions, own_sessions, session_by_id, sessions_of
from accounts.browser_sessions.models import BrowserSession
from accounts.browser_sessions.services import (
    end_all_sessions,
    end_everybodys_sessions,
    end_other_sessions,
    end_session,
)
from accounts.models import User
from accounts.services import change_own_password, set_active, set_password
from accounts.tokens import actor_of_token, refresh, sign_in
from accounts.totp import Verdict, begin_enrolment, code_at, confirm_enrolment
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Denied, NotFound, Unauthenticated
from tests.accounts.browser_sessions.conftest import SignIn, is_in, row_of
from tests.accounts.events import entries
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-11")]

SignedIn = Callable[[User], Client]
NEW = "sevenfold umbrella lantern 9"
KEY = Credential(CredentialKind.API_KEY, "key_x", frozenset({"users:read", "users:update"}))


def tokens(user: User) -> Any:
    """API tokens of this person, from a program of theirs."""
    actor = Actor.anonymous(address="198.51.100.20", user_agent="curl/8.5.0")
    return sign_in(user.email, PASSWORD, "", actor=actor)


def is_good(pair: Any) -> bool:
    try:
        return bool(actor_of_token(pair.access, address="198.51.100.21", user_agent="curl/8.5.0"))
    except Unauthenticated:
        return False


def session_of(user: User, browser: SignIn) -> tuple[Any, Actor]:
    """A browser of theirs, and the actor that they are in it."""
    client = browser(user)
    return client, acting(user, Credential(CredentialKind.SESSION, row_of(client).public_id))


def test_browsers_and_tokens_stand_in_one_list(browser: SignIn, world: World) -> None:
    _client, actor = session_of(world.member, browser)
    tokens(world.member)
    browser(world.viewer)
    first, second = own_sessions(actor=actor)
    assert (first.kind, first.device, first.address, first.current) == (
        *("browser", "Firefox on Linux", "127.0.0.1"),
        True,
    )
    assert (second.kind, second.device, second.address, second.current) == ("api", "curl", "198.51.100.20", False)


def test_where_tokens_are_used_is_kept_once_a_minute(world: World, later: Any) -> None:
    pair = tokens(world.member)
    is_good(pair)
    assert own_sessions(actor=acting(world.member))[0].address == "198.51.100.20"
    with later(minutes=2):
        is_good(pair)
        one = own_sessions(actor=acting(world.member))[0]
    assert (one.address, one.signed_in_from) == ("198.51.100.21", "198.51.100.20")


def test_an_ended_session_is_refused_at_once(browser: SignIn, world: World) -> None:
    client, actor = session_of(world.member, browser)
    end_session(session_by_id(actor.credential.id, actor=actor, own=True), actor=actor)
    assert not is_in(client)
    ended = entries("SESSION_END")[0]
    assert (ended["resourceId"], ended["metadata"]["sessions"]) == (world.member.public_id, [actor.credential.id])


def test_ended_tokens_are_refused_at_once_and_refresh_no_more(world: World) -> None:
    pair, actor = tokens(world.member), acting(world.member)
    end_session(session_by_id(own_sessions(actor=actor)[0].id, actor=actor, own=True), actor=actor)
    assert not is_good(pair)
    with pytest.raises(Unauthenticated):
        refresh(pair.refresh, actor=Actor.anonymous())
    assert own_sessions(actor=actor) == []


def test_what_was_ended_is_not_ended_twice(browser: SignIn, world: World) -> None:
    _client, actor = session_of(world.member, browser)
    session = session_by_id(actor.credential.id, actor=actor)
    end_session(session, actor=actor)
    with pytest.raises(NotFound):
        end_session(session, actor=actor)
    assert len(entries("SESSION_END")) == 1


def test_all_others_end_and_this_one_stays(browser: SignIn, world: World) -> None:
    client, actor = session_of(world.member, browser)
    other, pair, stranger = browser(world.member), tokens(world.member), browser(world.viewer)
    assert end_other_sessions(actor=actor) == 2
    assert [is_in(one) for one in (client, other, stranger)] == [True, False, True]
    assert not is_good(pair)
    assert end_other_sessions(actor=actor) == 0
    assert len(entries("SESSION_END")) == 1


def test_tokens_end_the_others_and_stay(browser: SignIn, world: World) -> None:
    pair, other = tokens(world.member), browser(world.member)
    actor = actor_of_token(pair.access, address=None)
    assert end_other_sessions(actor=actor) == 1
    assert (is_good(pair), is_in(other)) == (True, False)


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("stranger", ["viewer", "owner", "admin"])
def test_nobody_finds_another_s_session_as_their_own(browser: SignIn, world: World, stranger: str) -> None:
    client, actor = session_of(world.member, browser)
    with pytest.raises(NotFound):
        session_by_id(actor.credential.id, actor=acting(getattr(world, stranger)), own=True)
    assert is_in(client)


@pytest.mark.promise("R-05")
def test_who_may_not_read_accounts_sees_nobody_s_sessions(browser: SignIn, world: World) -> None:
    client, actor = session_of(world.member, browser)
    outsider = acting(world.outsider)
    for look in (sessions_of, lambda user, actor: session_by_id(row_of(client).public_id, actor=actor)):
        with pytest.raises(NotFound):
            look(world.member, actor=outsider)
    with pytest.raises(Denied):
        end_session(session_by_id(actor.credential.id, actor=actor), actor=outsider)
    for end in (
        lambda: end_all_sessions(world.member, actor=outsider),
        lambda: end_everybodys_sessions(actor=outsider),
    ):
        with pytest.raises(Denied):
            end()
    assert (all_sessions(actor=outsider), is_in(client)) == ([], True)


def test_an_api_key_has_no_sessions(browser: SignIn, world: World) -> None:
    client, own = session_of(world.member, browser)
    actor = acting(world.member, KEY)
    assert own_sessions(actor=actor) == []
    with pytest.raises(Denied):
        end_other_sessions(actor=actor)
    with pytest.raises(NotFound):
        session_by_id(own.credential.id, actor=actor, own=True)
    assert is_in(client)


def test_an_administrator_ends_those_of_another(browser: SignIn, world: World) -> None:
    client, pair, other = browser(world.member), tokens(world.member), browser(world.viewer)
    assert [one.kind for one in sessions_of(world.member, actor=acting(world.admin))] == ["api", "browser"]
    assert end_all_sessions(world.member, actor=acting(world.admin)) == 2
    assert (is_in(client), is_good(pair), is_in(other)) == (False, False, True)


def test_everybody_is_signed_out_but_who_says_so(browser: SignIn, world: World) -> None:
    member, viewer, pair = browser(world.member), browser(world.viewer), tokens(world.owner)
    assert end_everybodys_sessions(actor=world.operator) == 3
    assert [is_in(member), is_in(viewer), is_good(pair)] == [False, False, False]
    assert {entry["resourceId"] for entry in entries("SESSION_END")} == {
        *(world.member.public_id, world.viewer.public_id, world.owner.public_id)
    }


def test_a_new_password_of_one_s_own_ends_the_others(browser: SignIn, world: World) -> None:
    _client, actor = session_of(world.member, browser)
    pair = tokens(world.member)
    browser(world.member)
    change_own_password(world.member, NEW, actor=actor)
    assert [row.public_id for row in BrowserSession.objects.all()] == [actor.credential.id]
    assert not is_good(pair)
    assert "the password was changed" in entries("SESSION_END")[0]["description"]


@pytest.mark.parametrize("what", ["password", "disabled"])
def test_a_password_set_and_a_disabled_account_end_all(browser: SignIn, world: World, what: str) -> None:
    client, pair = browser(world.member), tokens(world.member)
    if what == "password":
        set_password(world.member, NEW, actor=world.operator)
    else:
        set_active(world.member, False, actor=world.operator)
    assert (BrowserSession.objects.count(), is_in(client), is_good(pair)) == (0, False, False)


def test_an_account_that_is_enabled_again_has_no_session_left(browser: SignIn, world: World) -> None:
    client, pair = browser(world.member), tokens(world.member)
    set_active(world.member, False, actor=world.operator)
    set_active(world.member, True, actor=world.operator)
    assert (is_in(client), is_good(pair)) == (False, False)


def test_an_enrolled_second_factor_ends_the_others(browser: SignIn, world: World) -> None:
    _client, actor = session_of(world.member, browser)
    browser(world.member)
    device = begin_enrolment(world.member, actor=actor)
    code = code_at(device, clock.now().timestamp())
    assert confirm_enrolment(world.member, device.public_id, code, actor=actor) is Verdict.ACCEPTED
    assert [row.public_id for row in BrowserSession.objects.all()] == [actor.credential.id]


def test_the_api_lists_and_ends_one_s_own(browser: SignIn, world: World) -> None:
    client, other, stranger = browser(world.member), browser(world.member), browser(world.viewer)
    listed = client.get("/api/v1/sessions/").json()
    assert [(one["current"], one["device"]) for one in listed] == [
        (True, "Firefox on Linux"),
        (False, "Firefox on Linux"),
    ]
    assert client.delete(f"/api/v1/sessions/{row_of(stranger).public_id}/").status_code == 404
    assert client.delete(f"/api/v1/sessions/{listed[1]['id']}/").status_code == 204
    assert [is_in(one) for one in (client, other, stranger)] == [True, False, True]


def test_the_api_ends_the_others(browser: SignIn, world: World) -> None:
    client, other = browser(world.member), browser(world.member)
    assert client.post("/api/v1/sessions/end-others/").json() == {"ended": 1}
    assert [is_in(one) for one in (client, other)] == [True, False]


def test_the_api_shows_and_ends_those_of_others_to_administrators(browser: SignIn, world: World, api: Any) -> None:
    client, admin = browser(world.member), api(world.admin)
    path = f"/api/v1/users/{world.member.public_id}/sessions/"
    assert len(admin.get(path).json()) == 1
    assert api(world.viewer).get(path).status_code == 403
    assert admin.delete(path).status_code == 204
    assert not is_in(client)


def test_tokens_see_themselves_in_the_list(world: World) -> None:
    pair, client = tokens(world.member), APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    assert [(one["kind"], one["current"]) for one in client.get("/api/v1/sessions/").json()] == [("api", True)]


def test_the_sign_in_page_says_that_the_session_has_ended(world: World, signed_in: SignedIn) -> None:
    said, client = "You were signed out: your session has ended.", signed_in(world.owner)
    end_all_sessions(world.owner, actor=acting(world.admin))
    page = client.get("/projects/project/", follow=True)
    assert said in page.content.decode()
    assert said not in client.get("/accounts/login/").content.decode()


def test_whoever_signed_out_is_not_told_so(world: World, signed_in: SignedIn) -> None:
    client = signed_in(world.owner)
    client.post("/accounts/logout/")
    for page in ("/", "/accounts/login/"):
        assert "your session has ended" not in client.get(page, follow=True).content.decode()
