from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.api_keys import create_api_key
from accounts.models import ApiKey, User
from tests.world import World, acting

Api = Callable[..., APIClient]
USERS, KEYS = "/api/v1/users/", "/api/v1/api-keys/"


def test_everyone_learns_who_they_are(api: Api, world: World) -> None:
    me = api(world.nobody).get(f"{USERS}me/").json()
    assert (me["email"], me["id"]) == (world.nobody.email, world.nobody.public_id)
    assert "password" not in str(me)
    assert api().get(f"{USERS}me/").status_code == 401


@pytest.mark.promise("R-05")
@pytest.mark.parametrize(("who", "status"), [("admin", 200), ("developer", 403), ("owner", 403), ("nobody", 403)])
def test_who_lists_accounts(api: Api, world: World, who: str, status: int) -> None:
    assert api(getattr(world, who)).get(USERS).status_code == status


def test_an_account_is_made_with_its_role_or_not_at_all(api: Api, world: World) -> None:
    client = api(world.admin)
    answer = client.post(USERS, {"email": "Fresh@example.com", "role": "viewer"}, format="json")
    assert (answer.status_code, answer.json()["email"]) == (201, "fresh@example.com")
    refused = client.post(USERS, {"email": "eve@example.com", "role": "king"}, format="json")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["role"])
    assert not User.objects.filter(email="eve@example.com").exists()


def test_an_account_is_disabled_and_the_last_administrator_is_not(api: Api, world: World) -> None:
    client = api(world.admin)
    body = client.patch(f"{USERS}{world.viewer.public_id}/", {"is_active": False}, format="json").json()
    assert body["is_active"] is False
    assert client.patch(f"{USERS}{world.admin.public_id}/", {"is_active": False}, format="json").status_code == 409
    assert client.get(f"{USERS}usr_unknown/").status_code == 404


@pytest.mark.promise("A-08")
def test_a_key_is_shown_once(api: Api, world: World) -> None:
    client = api(world.owner)
    made = client.post(KEYS, {"name": "CI", "scopes": ["read:projects"], "expires_in": "30d"}, format="json")
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    key = made.json()["key"]
    assert made.json()["scopes"] == ["projects:read"]
    listed = client.get(KEYS)
    assert [row["id"] for row in listed.json()["results"]] == [made.json()["id"]]
    assert key not in listed.content.decode()
    assert Client().get("/api/v1/projects/", headers={"authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "CI", "scopes": ["fly"]}, "scopes"),
        ({"name": "CI", "expires_in": "soon"}, "expires_in"),
        ({"name": "CI", "allowed_networks": ["10.0.0.1/8"]}, "allowed_networks"),
    ],
)
def test_bad_input_is_named_and_makes_no_key(api: Api, world: World, body: dict[str, object], field: str) -> None:
    answer = api(world.owner).post(KEYS, body, format="json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not ApiKey.objects.exists()


@pytest.mark.promise("R-05")
def test_another_s_key_is_not_there(api: Api, world: World) -> None:
    key, _token = create_api_key("CI", actor=acting(world.owner), owner=world.owner)
    assert api(world.member).get(f"{KEYS}{key.public_id}/").status_code == 404
    assert api(world.member).delete(f"{KEYS}{key.public_id}/").status_code == 404
    assert api(world.owner).delete(f"{KEYS}{key.public_id}/").status_code == 204
    assert api(world.owner).get(f"{KEYS}{key.public_id}/").json()["status"] == "revoked"


def test_a_key_for_someone_else_needs_the_right_and_their_rights(api: Api, world: World) -> None:
    body = {"name": "CI", "owner": world.viewer.email, "scopes": ["projects:read"]}
    assert api(world.owner).post(KEYS, body, format="json").status_code == 404
    assert api(world.admin).post(KEYS, body, format="json").json()["owner"] == world.viewer.email


@pytest.mark.promise("O-10")
def test_a_session_needs_the_token_against_cross_site_requests(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.owner)
    assert client.get(KEYS).status_code == 200
    assert client.post(KEYS, {"name": "CI"}, content_type="application/json").status_code == 403
    assert not ApiKey.objects.exists()


def test_a_key_needs_no_such_token(world: World) -> None:
    _key, token = create_api_key("CI", actor=acting(world.admin), owner=world.developer, scopes="admin")
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        "/api/v1/projects/", {"name": "New"}, content_type="application/json", headers={"x-api-key": token}
    )
    assert answer.status_code == 201
