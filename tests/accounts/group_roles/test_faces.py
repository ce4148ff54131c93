from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from rest_framework.test import APIClient

from accounts.group_roles.models import GroupRole
from accounts.group_roles.services import apply_groups, groups_speak, set_group_role
from accounts.models import User
from rbac.models import Grant
from temps.lib.actor import Actor
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

Api = Callable[..., APIClient]
SignIn = Callable[[User], Client]
GROUP = "cn=developers,ou=groups,dc=example,dc=com"
URL = "/api/v1/group-roles/"
LIST = "/accounts_group_roles/grouprole/"


def body(**more: Any) -> dict[str, Any]:
    return {"source": "directory:corp", "group": GROUP, "role": "member"} | more


def test_the_api_sets_shows_and_removes_them(world: World, api: Api) -> None:
    client = api(world.owner)
    answer = client.post(URL, body(project="shop", environment="production"), format="json")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["group"], made["role"], made["project"], made["environment"]) == (
        GROUP,
        "member",
        "shop",
        "production",
    )
    assert client.get(URL).json()["results"] == [made]
    assert client.get(f"{URL}{made['id']}/").json() == made
    assert client.delete(f"{URL}{made['id']}/").status_code == 204
    assert not GroupRole.objects.exists()


def test_the_api_names_what_is_wrong(world: World, api: Api) -> None:
    client = api(world.admin)
    assert client.post(URL, body(group="developers", role="viewer"), format="json").json()["errors"].keys() == {"group"}
    assert client.post(URL, body(environment="production"), format="json").json()["errors"].keys() == {"environment"}
    assert client.post(URL, body(project="absent"), format="json").status_code == 404
    assert api(world.owner).post(URL, body(project="other"), format="json").status_code == 404


def test_the_console_adds_lists_and_removes_them(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.owner)
    sent = {
        "source": "directory:corp",
        "group": GROUP,
        "role": "member",
        "project": world.project.pk,
        "environment": "",
    }
    assert client.post(f"{LIST}add/", sent).status_code == 302
    made = GroupRole.objects.get()
    assert GROUP in client.get(LIST).content.decode()
    assert GROUP in client.get(f"{LIST}{made.pk}/change/").content.decode()
    assert client.post(f"{LIST}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not GroupRole.objects.exists()


def test_the_console_says_at_the_field_what_is_wrong(world: World, signed_in: SignIn) -> None:
    sent = {"source": "directory:corp", "group": "developers", "role": "viewer", "project": "", "environment": ""}
    answer = signed_in(world.admin).post(f"{LIST}add/", sent)
    assert "distinguished name" in answer.context["adminform"].form.errors["group"][0]


def test_the_console_offers_the_sources_that_there_are(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.admin)
    page = client.get(f"{LIST}add/").content.decode()
    assert re.findall(r'<option value="(\w+:[\w-]+)"', page) == ["directory:corp", "provider:idp"]
    sent = {"source": "directory:nope", "group": GROUP, "role": "viewer", "project": "", "environment": ""}
    answer = client.post(f"{LIST}add/", sent)
    assert "not one of the available choices" in answer.context["adminform"].form.errors["source"][0]


def test_the_api_and_the_command_refuse_a_source_that_is_not_there(world: World, api: Api) -> None:
    answer = api(world.admin).post(URL, body(source="directory:nope", role="viewer"), format="json")
    assert (answer.status_code, answer.json()["errors"].keys()) == (400, {"source"})
    with pytest.raises(CommandError, match="there is no provider 'nope': there is provider:idp"):
        call_command("group-role", "set", "--source", "provider:nope", "--group", "staff", "--role", "viewer")


def test_the_console_shows_which_source_gave_a_role(world: World, signed_in: SignIn) -> None:
    set_group_role("directory:corp", GROUP, "developer", actor=world.operator)
    apply_groups(world.nobody, source="directory:corp", groups=[GROUP], actor=groups_speak(Actor.anonymous()))
    client = signed_in(world.admin)
    assert "a group of directory:corp" in client.get("/rbac/grant/").content.decode()
    grant = Grant.objects.get(user=world.nobody)
    assert "a group of directory:corp" in client.get(f"/rbac/grant/{grant.pk}/change/").content.decode()


def test_the_command_sets_lists_and_removes_them(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("group-role", "list")
    assert "no group gives a role yet" in capsys.readouterr().err
    where = ["--project", "shop", "--env", "production"]
    call_command("group-role", "set", "--source", "directory:corp", "--group", GROUP, "--role", "member", *where)
    assert "gives member on shop/production" in capsys.readouterr().out
    call_command("group-role", "list", "--json")
    (row,) = json.loads(capsys.readouterr().out)
    call_command("group-role", "list")
    assert GROUP in capsys.readouterr().out
    call_command("group-role", "remove", "--id", row["id"])
    assert "no longer gives member" in capsys.readouterr().out


def test_the_command_acts_with_the_rights_of_whom_it_names(world: World) -> None:
    command = ["group-role", "set", "--source", "directory:corp", "--group", GROUP, "--role", "admin"]
    with pytest.raises(CommandError, match="roles:create"):
        call_command(*command, "--as", world.owner.email)
    assert not GroupRole.objects.exists()
