"""Somebody left a group at their identity provider, and would like to keep what it gave them here."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.api_keys import create_api_key
from accounts.group_roles.services import set_group_role
from accounts.providers.groups import HOLDS
from accounts.providers.models import IdentityProvider
from accounts.providers.services import change_provider, set_enabled
from rbac.models import Grant
from rbac.permissions import Permission
from rbac.services import allowed, assign_role, remove_role
from temps.lib import clock
from temps.lib.errors import Conflict
from tests.accounts.providers import made
from tests.accounts.providers.elsewhere import Elsewhere
from tests.accounts.providers.flow import link, sign_in
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

PROJECTS = "/api/v1/projects/"


def held(world: World) -> list[str]:
    return [grant.role for grant in Grant.objects.in_force().filter(user=world.nobody)]


def developer(client: Client, world: World, there: Elsewhere) -> IdentityProvider:
    """``nobody`` becomes a developer by a group of ``corp``."""
    corp = made.provider(world, there.url, groups_claim="groups")
    link(world.nobody, corp)
    set_group_role("provider:corp", "platform", "developer", actor=world.operator)
    sign_in(client, there.proves("subject-1", groups=["platform"]))
    assert held(world) == ["developer"]
    return corp


def by_password(world: World) -> Any:
    return Client().post("/accounts/login/", {"login": world.nobody.email, "password": PASSWORD})


def for_tokens(world: World) -> Any:
    body = {"email": world.nobody.email, "password": PASSWORD}
    return Client().post("/api/v1/auth/token", body, content_type="application/json")


@pytest.mark.parametrize("way", [by_password, for_tokens])
def test_signing_in_by_another_way_proves_no_group(client: Client, world: World, there: Elsewhere, way: Any) -> None:
    developer(client, world, there)
    assert way(world).status_code in (200, 302)
    assert held(world) == []
    sign_in(Client(), there.proves("subject-1", groups=["platform"]))
    assert held(world) == ["developer"]


def test_nor_does_another_provider(client: Client, world: World, there: Elsewhere) -> None:
    developer(client, world, there)
    link(world.nobody, made.provider(world, there.url, "other"))
    sign_in(Client(), there.proves("subject-1"), "other")
    assert held(world) == []


def test_a_wrong_password_takes_nothing(client: Client, world: World, there: Elsewhere) -> None:
    developer(client, world, there)
    Client().post("/accounts/login/", {"login": world.nobody.email, "password": "a guess of somebody's"})
    assert held(world) == ["developer"]


def test_what_a_person_gave_stays(client: Client, world: World, there: Elsewhere) -> None:
    developer(client, world, there)
    assign_role(world.nobody, "viewer", actor=acting(world.admin))
    by_password(world)
    assert held(world) == ["viewer"]


def test_a_key_loses_it_without_a_sign_in(client: Client, world: World, there: Elsewhere) -> None:
    developer(client, world, there)
    _key, secret = create_api_key("ci", owner=world.nobody, scopes=["projects:read"], actor=acting(world.nobody))
    client = Client(headers={"authorization": f"Bearer {secret}"})
    assert client.get(PROJECTS).json()["results"]
    with time_machine.travel(clock.now() + HOLDS, tick=False):
        assert client.get(PROJECTS).status_code == 403


def test_each_sign_in_lets_it_last_again(client: Client, world: World, there: Elsewhere) -> None:
    developer(client, world, there)
    with time_machine.travel(clock.now() + HOLDS / 2, tick=False):
        sign_in(Client(), there.proves("subject-1", groups=["platform"]))
    with time_machine.travel(clock.now() + HOLDS, tick=False):
        assert allowed(acting(world.nobody), Permission.PROJECTS_CREATE)


def test_what_has_ended_comes_back_with_a_sign_in(client: Client, world: World, there: Elsewhere) -> None:
    developer(client, world, there)
    with time_machine.travel(clock.now() + 2 * HOLDS, tick=False):
        assert held(world) == []
        sign_in(Client(), there.proves("subject-1", groups=["platform"]))
        assert held(world) == ["developer"]


@pytest.mark.parametrize("how", ["disabled", "no claim"])
def test_a_provider_that_is_not_asked_any_more_gives_nothing(
    client: Client, world: World, there: Elsewhere, how: str
) -> None:
    corp = developer(client, world, there)
    if how == "disabled":
        set_enabled(corp, False, actor=world.operator)
    else:
        change_provider(corp, groups_claim="", actor=world.operator)
    assert held(world) == []


def test_nobody_is_in_charge_only_until_a_day(client: Client, world: World, there: Elsewhere) -> None:
    developer(client, world, there)
    set_group_role("provider:corp", "platform", "admin", actor=world.operator)
    sign_in(Client(), there.proves("subject-1", groups=["platform"]))
    [admin] = Grant.objects.filter(user=world.admin, project=None)
    with pytest.raises(Conflict):
        remove_role(admin, actor=world.operator)
