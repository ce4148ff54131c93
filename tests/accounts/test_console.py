from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.api_keys import create_api_key
from accounts.models import ApiKey, User
from accounts.policy import current_policy
from tests.world import PASSWORD, World, acting

SignedIn = Callable[[User], Client]
USERS, KEYS, POLICY = "/accounts/user/", "/accounts/apikey/", "/accounts/signinpolicy/"


def test_an_account_is_made_with_role_and_password(signed_in: SignedIn, world: World) -> None:
    form = {"email": "Fresh@example.com", "name": "Fresh", "kind": "person", "role": "viewer", "password": PASSWORD}
    assert signed_in(world.admin).post(f"{USERS}add/", form).status_code == 302
    user = User.objects.get(email="fresh@example.com")
    assert user.check_password(PASSWORD)
    assert user.grants.get().role == "viewer"


def test_a_refusal_stands_at_its_field_and_makes_nothing(signed_in: SignedIn, world: World) -> None:
    form = {"email": "fresh@example.com", "kind": "person", "role": "viewer", "password": "short"}
    answer = signed_in(world.admin).post(f"{USERS}add/", form)
    assert "too short" in answer.content.decode()
    assert not User.objects.filter(email="fresh@example.com").exists()


def test_no_password_hash_is_shown(signed_in: SignedIn, world: World) -> None:
    client = signed_in(world.admin)
    for path in (USERS, f"{USERS}{world.owner.pk}/change/"):
        page = client.get(path)
        assert page.status_code == 200
        assert "argon2" not in page.content.decode()


def test_an_account_is_disabled_and_the_last_administrator_is_not(signed_in: SignedIn, world: World) -> None:
    client = signed_in(world.admin)
    assert client.post(f"{USERS}{world.viewer.pk}/change/", {}).status_code == 302
    assert not User.objects.get(pk=world.viewer.pk).is_active
    answer = client.post(f"{USERS}{world.admin.pk}/change/", {})
    assert "last administrator" in answer.content.decode()
    assert User.objects.get(pk=world.admin.pk).is_active


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("who", ["developer", "owner", "nobody"])
def test_the_accounts_are_closed_to_those_who_may_not(signed_in: SignedIn, world: World, who: str) -> None:
    client = signed_in(getattr(world, who))
    assert client.get(USERS).status_code == 403
    assert client.get(f"{USERS}add/").status_code == 403
    assert client.get(POLICY).status_code == 403


@pytest.mark.promise("A-08")
def test_a_key_is_shown_in_the_answer_and_never_again(signed_in: SignedIn, world: World) -> None:
    client = signed_in(world.owner)
    form = {
        "name": "CI",
        "scopes": "read:projects",
        "expires_in": "30d",
        "allowed_networks": "192.0.2.0/24\n198.51.100.0/24",
    }
    answer = client.post(f"{KEYS}add/", form)
    key = ApiKey.objects.get()
    assert (key.owner, key.scopes, len(key.allowed_networks)) == (world.owner, ["projects:read"], 2)
    assert f"tmp_{key.prefix}_" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    for path in (KEYS, f"{KEYS}{key.pk}/change/"):
        page = client.get(path).content.decode()
        assert f"tmp_{key.prefix}_…" in page
        assert "argon2" not in page


def test_a_bad_scope_stands_at_its_field(signed_in: SignedIn, world: World) -> None:
    form = {"name": "CI", "scopes": "fly", "expires_in": "", "allowed_networks": ""}
    assert "unknown scope" in signed_in(world.owner).post(f"{KEYS}add/", form).content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_and_another_s_is_not_there(signed_in: SignedIn, world: World) -> None:
    mine, _ = create_api_key("mine", actor=acting(world.owner), owner=world.owner)
    other, _ = create_api_key("other", actor=acting(world.member), owner=world.member)
    client = signed_in(world.owner)
    assert client.post(f"{KEYS}{mine.pk}/delete/", {"post": "yes"}).status_code == 302
    assert ApiKey.objects.get(pk=mine.pk).revoked_at
    client.post(f"{KEYS}{other.pk}/delete/", {"post": "yes"})
    assert ApiKey.objects.get(pk=other.pk).revoked_at is None


def test_the_policy_is_changed(signed_in: SignedIn, world: World) -> None:
    client = signed_in(world.admin)
    assert client.get(POLICY).status_code == 200
    form = {"require_mfa": "everyone", "sign_up": "invitation", "session_hours": 12, "session_idle_minutes": 120}
    assert client.post(f"{POLICY}1/change/", form).status_code == 302
    assert current_policy().require_mfa == "everyone"
