"""Around the sign-in: sessions that others know, passwords that are guessed, counts that are pushed out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.lockout import counting
from accounts.models import User
from accounts.services import change_own_password
from audit.reading import visible_events
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Denied
from tests.world import PASSWORD, World, acting, enrol

SignedIn = Callable[[User], Client]
LOGIN, CODE, OWN, TOKEN = "/accounts/login/", "/accounts/login/code/", "/password_change/", "/api/v1/auth/token"
NEW = "sevenfold umbrella lantern 9"


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("stage", [CODE, "/accounts/login/enrol/"])
def test_a_planted_session_does_not_stand_behind_the_password(client: Client, world: World, stage: str) -> None:
    if stage == CODE:
        enrol(world.admin)
    client.session.save()
    planted = str(client.session.session_key)
    client.cookies["temps_session"] = planted
    answer = client.post(LOGIN, {"login": world.admin.email, "password": PASSWORD})
    assert answer.headers["Location"] == stage
    thief = Client()
    thief.cookies["temps_session"] = planted
    assert thief.get(stage).headers["Location"] == LOGIN


@pytest.mark.promise("O-10")
@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_no_sign_in_leads_off_the_site(client: Client, world: World, target: str) -> None:
    form = {"login": world.viewer.email, "password": PASSWORD, "next": target}
    assert client.post(LOGIN, form).headers["Location"] == "/"


@pytest.mark.promise("A-12")
def test_strangers_do_not_push_the_count_of_attempts_out(client: Client, world: World) -> None:
    for _attempt in range(3):
        client.post(TOKEN, {"email": world.owner.email, "password": "wrong"})
    for number in range(5000):  # what attempts on as many other accounts leave behind
        cache.set(f"another-count-{number}", 1, 300)
    assert counting.counted(counting.key_for("here", world.owner.email, "127.0.0.1/32", "")) == 3


@pytest.mark.promise("L-01")
def test_a_changed_password_is_recorded_and_ends_the_other_sessions(signed_in: SignedIn, world: World) -> None:
    client, elsewhere = signed_in(world.owner), Client()
    elsewhere.force_login(world.owner)
    given = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post(OWN, given).headers["Location"] == "/password_change/done/"
    assert client.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302
    event = visible_events(world.operator).get(operation="USER_PASSWORD_CHANGE")
    assert (event.user_email, event.result) == ("owner@example.com", "success")


@pytest.mark.promise("A-12")
@pytest.mark.usefixtures("still_clock")
def test_the_present_password_is_not_guessed_from_an_open_session(signed_in: SignedIn, world: World) -> None:
    client = signed_in(world.owner)
    given = {"old_password": "a guess", "new_password1": NEW, "new_password2": NEW}
    answers = [client.post(OWN, given).status_code for _attempt in range(7)]
    assert answers == [200] * 6 + [429]


@pytest.mark.promise("A-06")
@pytest.mark.parametrize("kind", [CredentialKind.API_KEY, CredentialKind.JWT])
def test_no_key_or_token_changes_a_password(world: World, kind: CredentialKind) -> None:
    with pytest.raises(Denied):
        change_own_password(world.owner, NEW, actor=acting(world.owner, Credential(kind)))
    with pytest.raises(Denied):
        change_own_password(world.owner, NEW, actor=acting(world.admin))
