"""GitHub: what is asked of it, and how its answers are taken."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.providers.github import GitHub
from tests.accounts.providers import made
from tests.accounts.providers.elsewhere import CLIENT, SECRET, Elsewhere
from tests.accounts.providers.flow import begin, is_signed_in, link, sign_in
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-03")]


@pytest.fixture
def there(there: Elsewhere) -> Elsewhere:
    return there.speaks_github()


def test_the_number_of_the_account_is_who_it_is(client: Client, world: World, there: Elsewhere) -> None:
    link(world.member, made.provider(world, there.url, "github", "github"), "583231")
    assert sign_in(client, there, "github").status_code == 302
    assert is_signed_in(client)


def test_what_is_sent(client: Client, world: World, there: Elsewhere) -> None:
    made.provider(world, there.url, "github", "github", scopes=["read:org"])
    asked = begin(client, "github")
    assert asked["client_id"] == CLIENT
    assert asked["redirect_uri"] == "http://testserver/accounts/providers/github/callback/"
    assert set(asked["scope"].split()) == {"read:user", "user:email", "read:org"}
    assert asked["code_challenge_method"] == "S256"
    sign_in(client, there, "github")
    token = there.asked_for("/login/oauth/access_token")
    assert (token.method, token.form["client_secret"], token.headers["accept"]) == ("POST", SECRET, "application/json")
    assert there.asked_for("/api/v3/user").headers["authorization"] == "Bearer gho_1"
    assert not any(SECRET in str(one.query) or "gho_1" in str(one.query) for one in there.asked)


def test_the_verified_primary_address_makes_the_account(client: Client, world: World, there: Elsewhere) -> None:
    made.makes_accounts(world, there.url, slug="github", kind="github")
    sign_in(client, there, "github")
    assert is_signed_in(client)
    assert User.objects.filter(email="dev@corp.example", name="Dev").exists()
    assert not User.objects.filter(email__contains="evil").exists()


@pytest.mark.parametrize(
    "emails",
    [
        [{"email": "dev@corp.example", "primary": True, "verified": False}],
        [{"email": "dev@corp.example", "primary": False, "verified": True}],
        [{"email": "dev@corp.example", "primary": "true", "verified": "true"}],
        [{"email": ["dev@corp.example"], "primary": True, "verified": True}],
        [],
        {"message": "Not Found"},
        (404, {}),
    ],
)
def test_no_other_address_does(client: Client, world: World, there: Elsewhere, emails: Any) -> None:
    made.makes_accounts(world, there.url, slug="github", kind="github")
    there.replies["/api/v3/user/emails"] = emails
    answer = sign_in(client, there, "github")
    assert (answer.status_code, b"not verified" in answer.content) == (403, True)


@pytest.mark.parametrize("identity", [None, "", True, 1.5, [583231], {"id": 1}])
def test_an_answer_that_names_nobody_is_refused(client: Client, world: World, there: Elsewhere, identity: Any) -> None:
    link(world.member, made.provider(world, there.url, "github", "github"), str(identity))
    assert sign_in(client, there.speaks_github(id=identity), "github").status_code == 403


@pytest.mark.parametrize(
    "reply",
    [
        {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."},
        {"access_token": ""},
        {"access_token": ["gho_1"]},
        {"access_token": "gho_1\r\nX-Evil: 1"},
        ["access_token"],
        "access_token",
    ],
)
def test_without_a_token_nobody_is_proven(client: Client, world: World, there: Elsewhere, reply: Any) -> None:
    link(world.member, made.provider(world, there.url, "github", "github"), "583231")
    there.replies["/login/oauth/access_token"] = reply
    assert sign_in(client, there, "github").status_code == 403


def test_the_public_one_has_its_api_elsewhere(world: World, rf: Any) -> None:
    provider = made.provider(world, "", "github", "github")
    spoken = GitHub(rf.get("/"), provider)
    assert spoken.authorize_url == "https://github.com/login/oauth/authorize"
    assert spoken.api == "https://api.github.com"
