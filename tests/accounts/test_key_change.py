"""Changing what a key may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.api_keys import create_api_key, revoke_api_key
from accounts.key_authentication import authenticate_key
from accounts.key_change import NEVER, change_api_key
from accounts.models import ApiKey, User
from rbac.permissions import Permission
from rbac.services import allowed
from rbac.step_up import StepUpRequired
from temps.lib import clock
from temps.lib.errors import Conflict, Denied, Invalid
from tests.accounts.events import entries
from tests.world import World, acting, enrol

pytestmark = pytest.mark.promise("A-08")

LIMITED: dict[str, Any] = {
    "scopes": "projects:read,deployments:read",
    "allowed_networks": ["192.0.2.0/24"],
    "expires_in": timedelta(days=30),
}
LESS: list[dict[str, Any]] = [
    {"scopes": "projects:read"},
    {"allowed_networks": ["192.0.2.8/29", "192.0.2.1"]},
    {"expires_in": timedelta(days=1)},
]
MORE: list[dict[str, Any]] = [
    {"scopes": "projects:read,projects:update"},
    {"allowed_networks": []},
    {"allowed_networks": ["192.0.2.0/23"]},
    {"allowed_networks": ["2001:db8::/32"]},
    {"expires_in": timedelta(days=31)},
    {"expires_in": NEVER},
]


def made(user: User, **more: Any) -> tuple[ApiKey, str]:
    return create_api_key("CI", actor=acting(user), owner=user, **LIMITED | more)


def test_a_narrowed_scope_holds_from_the_next_request(world: World) -> None:
    key, token = made(world.owner)
    assert allowed(authenticate_key(token, address="192.0.2.1"), Permission.DEPLOYMENTS_READ, world.project)
    change_api_key(key, actor=acting(world.owner), scopes="projects:read")
    assert not allowed(authenticate_key(token, address="192.0.2.1"), Permission.DEPLOYMENTS_READ, world.project)


@pytest.mark.promise("A-06")
@pytest.mark.parametrize("change", LESS, ids=str)
def test_less_is_asked_of_nobody_twice(world: World, change: dict[str, Any]) -> None:
    key, _ = made(world.owner)
    changed = change_api_key(key, actor=replace(acting(world.owner), confirmed_at=None), **change)
    assert changed.scopes != key.scopes or changed.expires_at != key.expires_at or changed.allowed_networks
    assert len(entries("API_KEY_UPDATE")) == 1


@pytest.mark.promise("A-06")
@pytest.mark.parametrize("change", MORE, ids=str)
def test_more_asks_again_who_is_there(world: World, change: dict[str, Any]) -> None:
    key, _ = made(world.owner)
    with pytest.raises(StepUpRequired):
        change_api_key(key, actor=replace(acting(world.owner), confirmed_at=None), **change)
    change_api_key(key, actor=acting(world.owner), **change)
    assert len(entries("API_KEY_UPDATE")) == 1


@pytest.mark.parametrize("change", MORE, ids=str)
def test_a_key_gives_no_key_more_not_itself_either(world: World, change: dict[str, Any]) -> None:
    enrol(world.admin)
    key, _ = made(world.admin)
    _other, token = made(world.admin, scopes="admin")
    with pytest.raises(Denied):
        change_api_key(key, actor=authenticate_key(token, address="192.0.2.1"), **change)
    change_api_key(key, actor=authenticate_key(token, address="192.0.2.1"), scopes="projects:read")


def test_nobody_changes_another_s_key_without_the_right(world: World) -> None:
    key, _ = made(world.owner)
    with pytest.raises(Denied):
        change_api_key(key, actor=acting(world.member), scopes="projects:read")
    assert change_api_key(key, actor=acting(world.admin), scopes="projects:read").scopes == ["projects:read"]


def test_what_was_not_named_stays_and_no_change_is_no_event(world: World) -> None:
    key, _ = made(world.owner)
    changed = change_api_key(key, actor=acting(world.owner), scopes=LIMITED["scopes"])
    assert (changed.scopes, changed.allowed_networks, changed.expires_at) == (
        key.scopes,
        key.allowed_networks,
        key.expires_at,
    )
    assert not entries("API_KEY_UPDATE")


@pytest.mark.parametrize("change", [{"scopes": "fly"}, {"scopes": " , "}, {"allowed_networks": ["300.0.0.0/8"]}])
def test_what_is_wrong_changes_nothing(world: World, change: dict[str, Any]) -> None:
    key, _ = made(world.owner)
    with pytest.raises(Invalid):
        change_api_key(key, actor=acting(world.owner), **change)
    assert ApiKey.objects.get().scopes == key.scopes


def test_an_ended_key_is_not_brought_back(world: World) -> None:
    key, _ = made(world.owner)
    revoke_api_key(key, actor=acting(world.owner))
    with pytest.raises(Conflict, match="revoked"):
        change_api_key(key, actor=acting(world.owner), expires_in=NEVER)


def test_over_the_api(world: World, api: Callable[..., APIClient]) -> None:
    key, _ = made(world.owner)
    client, path = api(world.owner), f"/api/v1/api-keys/{key.public_id}/"
    answer = client.patch(
        path, {"scopes": ["projects:read"], "expires_in": None, "allowed_networks": []}, format="json"
    )
    told = answer.json()
    assert (told["scopes"], told["expires_at"], told["allowed_networks"]) == (["projects:read"], None, [])
    assert client.patch(path, {"scopes": []}, format="json").status_code == 400


def test_by_command(world: World) -> None:
    key, _ = made(world.owner)
    call_command("api-key", "change", "--key-id", key.public_id, "--scopes", "projects:read", "--networks", "any")
    key.refresh_from_db()
    assert (key.scopes, key.allowed_networks) == (["projects:read"], [])
    assert key.expires_at is not None
    call_command("api-key", "change", "--key-id", key.public_id, "--expires-in", "never", "--json")
    assert ApiKey.objects.get().expires_at is None


def test_in_the_console(signed_in: Callable[[User], Client], world: World) -> None:
    key, _ = made(world.owner)
    client, page = signed_in(world.owner), f"/accounts/apikey/{key.pk}/change/"
    assert "projects:read, deployments:read" in client.get(page).content.decode()
    form = {"scopes": "projects:read", "allowed_networks": "192.0.2.1", "expires_in": "1d"}
    assert client.post(page, form).status_code == 302
    key.refresh_from_db()
    assert (key.scopes, key.allowed_networks) == (["projects:read"], ["192.0.2.1/32"])
    assert key.expires_at is not None
    assert key.expires_at < clock.now() + timedelta(days=1, minutes=1)
    assert "unknown scope" in client.post(page, form | {"scopes": "fly"}).content.decode()


def test_the_console_shows_an_ended_key_and_changes_nothing(signed_in: Callable[[User], Client], world: World) -> None:
    key, _ = made(world.owner)
    revoke_api_key(key, actor=acting(world.owner))
    page = f"/accounts/apikey/{key.pk}/change/"
    assert signed_in(world.owner).get(page).status_code == 200
    assert signed_in(world.owner).post(page, {"scopes": "projects:read"}).status_code == 403
