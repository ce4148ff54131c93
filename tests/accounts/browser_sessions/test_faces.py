"""The console's pages of sessions and of the policy, and the command."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.browser_sessions.models import BrowserSession
from accounts.models import SignInPolicy
from accounts.policy import change_policy, current_policy
from temps.lib.errors import Denied, Invalid
from tests.accounts.browser_sessions.conftest import SignIn, is_in, row_of
from tests.accounts.events import entries
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-11")]

POLICY = "/accounts/signinpolicy/"
FORM = {
    "require_mfa": "admins",
    "magic_links": "on",
    "sign_up": "invitation",
    "sign_up_domains": "",
    "session_hours": "8",
    "session_idle_minutes": "30",
}


def test_the_page_shows_one_s_own_and_ends_one(browser: SignIn, world: World) -> None:
    client, other = browser(world.member), browser(world.member, REMOTE_ADDR="198.51.100.9")
    page = client.get("/sessions/").content.decode()
    assert page.count("Firefox on Linux") >= 2
    assert "198.51.100.9" in page
    assert client.post(f"/sessions/{row_of(other).public_id}/end/")["Location"] == "/sessions/"
    assert "That session has ended." in client.get("/sessions/").content.decode()
    assert (is_in(client), is_in(other)) == (True, False)


def test_the_page_ends_the_others(browser: SignIn, world: World) -> None:
    client, other = browser(world.member), browser(world.member)
    client.post("/sessions/end-others/")
    page = client.get("/sessions/").content.decode()
    assert "One session has ended." in page
    assert "You are signed in nowhere else." in page
    assert (is_in(client), is_in(other)) == (True, False)


def test_who_ends_the_session_that_they_are_in_signs_in_again(browser: SignIn, world: World) -> None:
    client = browser(world.member)
    assert client.post(f"/sessions/{row_of(client).public_id}/end/")["Location"] == "/accounts/login/"
    assert not is_in(client)


@pytest.mark.promise("R-05")
def test_another_s_session_is_not_there(browser: SignIn, world: World) -> None:
    client, victim = browser(world.viewer), browser(world.member)
    assert client.post(f"/sessions/{row_of(victim).public_id}/end/").status_code == 404
    assert client.get(f"/sessions/of/{world.member.public_id}/").status_code == 404
    assert client.post(f"/sessions/of/{world.member.public_id}/end/").status_code == 404
    assert is_in(victim)


def test_nothing_ends_by_a_link(browser: SignIn, world: World) -> None:
    client = browser(world.member)
    assert client.get(f"/sessions/{row_of(client).public_id}/end/").status_code == 405
    assert client.get("/sessions/end-others/").status_code == 405
    assert is_in(client)


def test_the_pages_are_closed_to_strangers(client: Client, world: World) -> None:
    for path in ("/sessions/", f"/sessions/of/{world.member.public_id}/"):
        assert "login" in client.get(path)["Location"]
    assert "login" in client.post("/sessions/end-others/")["Location"]


def test_an_administrator_sees_and_ends_those_of_an_account(browser: SignIn, signed_in: Any, world: World) -> None:
    client, admin = browser(world.member), signed_in(world.admin)
    path = f"/sessions/of/{world.member.public_id}/"
    assert path in admin.get(f"/accounts/user/{world.member.pk}/change/").content.decode()
    assert "Firefox on Linux" in admin.get(path).content.decode()
    assert admin.post(f"{path}end/")["Location"] == path
    assert "is signed in nowhere" in admin.get(path).content.decode()
    assert not is_in(client)


def test_the_menu_leads_there(browser: SignIn, world: World) -> None:
    page = browser(world.member).get("/").content.decode()
    assert 'href="/sessions/"' in page
    assert 'href="/password_change/"' in page


def test_the_command_lists_and_ends(browser: SignIn, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    client, other = browser(world.member), browser(world.viewer)
    call_command("session", "list", "--json")
    assert {one["email"] for one in json.loads(capsys.readouterr().out)} == {"member@example.com", "viewer@example.com"}
    call_command("session", "end", "--id", row_of(client).public_id)
    assert [is_in(one) for one in (client, other)] == [False, True]
    call_command("session", "end", "--email", "viewer@example.com", "--all")
    assert "ended 1 session of viewer@example.com" in capsys.readouterr().out
    call_command("session", "list")
    assert "nobody is signed in" in capsys.readouterr().err


def test_the_command_signs_everybody_out_when_that_is_meant(browser: SignIn, world: World) -> None:
    browser(world.member), browser(world.viewer)
    with pytest.raises(CommandError, match="end everybody's sessions and tokens, yours too: say --yes"):
        call_command("session", "end", "--all")
    assert BrowserSession.objects.count() == 2
    call_command("session", "end", "--all", "--yes")
    assert not BrowserSession.objects.exists()


@pytest.mark.parametrize("arguments", [[], ["--id", "ses_x", "--all"], ["--id", "ses_x", "--email", "a@example.com"]])
def test_the_command_asks_which(world: World, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="say which"):
        call_command("session", "end", *arguments)


def test_the_command_shows_a_person_their_own(
    browser: SignIn, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    browser(world.member), browser(world.viewer)
    call_command("session", "list", "--json", "--as", "member@example.com")
    assert {one["email"] for one in json.loads(capsys.readouterr().out)} == {"member@example.com"}
    with pytest.raises(CommandError, match="no user"):
        call_command("session", "list", "--email", "viewer@example.com", "--as", "member@example.com")


@pytest.mark.promise("A-05")
def test_the_policy_is_changed_on_its_page(signed_in: Any, world: World) -> None:
    client = signed_in(world.admin)
    form = FORM | {"sign_up": "open", "sign_up_domains": "Example.com\nexample.org"}
    assert client.post(f"{POLICY}1/change/", form).status_code == 302
    policy = current_policy()
    assert (policy.session_hours, policy.session_idle_minutes, policy.magic_links) == (8, 30, True)
    assert (policy.sign_up, policy.sign_up_domains) == ("open", ["example.com", "example.org"])
    assert "example.com\nexample.org" in client.get(POLICY).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("session_hours", "0", "from 1 to 2160"),
        ("session_hours", "2161", "from 1 to 2160"),
        ("session_idle_minutes", "4", "from 5 to 43200"),
        ("sign_up_domains", "no domain!", "is no domain"),
        ("require_mfa", "sometimes", "not one of the available choices"),
    ],
)
def test_what_no_policy_may_say_changes_nothing(
    signed_in: Any, world: World, field: str, value: str, said: str
) -> None:
    answer = signed_in(world.admin).post(f"{POLICY}1/change/", FORM | {field: value})
    assert said in answer.content.decode()
    assert not SignInPolicy.objects.exists()


def test_each_change_of_the_policy_is_recorded_with_what_was_before(world: World) -> None:
    change_policy({"session_hours": 4, "magic_links": False, "sign_up": "invitation"}, actor=acting(world.admin))
    told = [entry["metadata"] for entry in entries("SETTINGS_UPDATE")]
    assert [(one.get("session_hours"), one.get("magic_links"), one["before"]) for one in told] == [
        (None, False, True),
        (4, None, 12),
    ]


def test_who_may_not_change_the_policy_does_not(world: World) -> None:
    for user in (world.developer, world.owner):
        with pytest.raises(Denied):
            change_policy({"session_hours": 4}, actor=acting(user))
    with pytest.raises(Invalid, match="whole number"):
        change_policy({"session_hours": True}, actor=world.operator)
    with pytest.raises(Invalid, match="at most 100"):
        change_policy({"sign_up_domains": [f"{number}.example.com" for number in range(101)]}, actor=world.operator)
    assert not SignInPolicy.objects.exists()
