from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rbac.models import Grant
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("R-08")]
LIST = "/rbac/grant/"
SignIn = Callable[[User], Client]


def given(world: World, **more: Any) -> dict[str, Any]:
    return {"email": "Nobody@Example.com", "role": "viewer", "project": "", "environment": ""} | more


def test_an_owner_gives_a_role_in_their_project(world: World, signed_in: SignIn) -> None:
    answer = signed_in(world.owner).post(f"{LIST}add/", given(world, project=world.project.pk))
    assert answer.status_code == 302
    grant = Grant.objects.get(user=world.nobody)
    assert (grant.role, grant.scope, grant.created_by) == ("viewer", "shop", "owner@example.com")


def test_an_environment_brings_its_project_with_it(world: World, signed_in: SignIn) -> None:
    signed_in(world.owner).post(f"{LIST}add/", given(world, environment=world.production.pk))
    assert Grant.objects.get(user=world.nobody).scope == "shop/production"


@pytest.mark.promise("R-07")
def test_an_owner_makes_no_administrator_of_the_platform(world: World, signed_in: SignIn) -> None:
    assert signed_in(world.owner).post(f"{LIST}add/", given(world, role="admin")).status_code == 403
    answer = signed_in(world.owner).post(f"{LIST}add/", given(world, role="owner", project=world.other.pk))
    assert "valid choice" in answer.content.decode()
    assert not Grant.objects.filter(user=world.nobody).exists()


def test_an_owner_sees_their_team_and_nobody_else(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.owner)
    page = client.get(LIST).content.decode() + client.get(f"{LIST}add/").content.decode()
    assert "member@example.com" in page
    assert "outsider@example.com" not in page
    assert ">other" not in page


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"email": "who@example.com"}, "no account"),
        ({"role": "owner"}, "unknown role"),
        ({"role": "root"}, "valid choice"),
    ],
)
def test_what_is_wrong_is_said_on_the_form(
    world: World, signed_in: SignIn, wrong: dict[str, str], message: str
) -> None:
    answer = signed_in(world.admin).post(f"{LIST}add/", given(world, **wrong))
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert not Grant.objects.filter(user=world.nobody).exists()


def test_a_grant_is_taken_away(world: World, signed_in: SignIn) -> None:
    grant = Grant.objects.get(user=world.member)
    assert signed_in(world.owner).post(f"{LIST}{grant.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Grant.objects.filter(pk=grant.pk).exists()


@pytest.mark.promise("R-07")
def test_the_last_owner_stays_and_the_console_says_why(world: World, signed_in: SignIn) -> None:
    grant, client = Grant.objects.get(user=world.owner), signed_in(world.owner)
    answer = client.post(f"{LIST}{grant.pk}/delete/", {"post": "yes"}, follow=True)
    assert "last owner of shop" in answer.content.decode()
    assert Grant.objects.filter(pk=grant.pk).exists()


def test_a_grant_cannot_be_edited_in_place(world: World, signed_in: SignIn) -> None:
    grant, client = Grant.objects.get(user=world.member), signed_in(world.owner)
    assert client.get(f"{LIST}{grant.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{grant.pk}/change/", given(world, role="owner")).status_code == 403
    grant.refresh_from_db()
    assert grant.role == "member"


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("name", ["member", "developer", "nobody"])
def test_the_team_is_closed_to_those_who_may_not_see_it(world: World, signed_in: SignIn, name: str) -> None:
    client = signed_in(getattr(world, name))
    assert client.get(LIST).status_code == 403
    assert client.post(f"{LIST}add/", given(world)).status_code == 403
