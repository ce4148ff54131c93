from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from projects.models import Environment
from rbac.services import assign_role
from secrets_vault import reading
from secrets_vault.models import Variable
from secrets_vault.services import set_variable, unset_variable
from tests.world import World

SignIn = Callable[[User], Client]
LIST = reverse("admin:secrets_vault_variable_changelist")
ADD = reverse("admin:secrets_vault_variable_add")


def form_of(variable: Variable, verb: str = "change") -> str:
    return reverse(f"admin:secrets_vault_variable_{verb}", args=[variable.pk])


def put(world: World, value: str, environment: Environment | None = None, encrypted: bool = True) -> Variable:
    return set_variable(
        world.project, "A", value, environment=environment, encrypted=encrypted, actor=world.operator
    ).version.variable


def value(world: World, environment: Environment | None = None) -> str:
    return reading.reveal(world.project, environment, "A", actor=world.operator).value


@pytest.fixture
def owner(world: World, signed_in: SignIn) -> Client:
    return signed_in(world.owner)


@pytest.mark.promise("S-05")
def test_a_variable_is_made_encrypted_with_its_line_breaks(world: World, owner: Client) -> None:
    assert b"checked" in owner.get(ADD).content
    given = {"project": world.project.pk, "environment": "", "key": "A", "value": "one\r\ntwo\r\n", "is_secret": "on"}
    assert owner.post(ADD, given | {"reason": ""}).status_code == 302
    assert value(world) == "one\ntwo\n"
    assert Variable.objects.get().is_secret


@pytest.mark.promise("S-05")
def test_a_secret_is_nowhere_in_the_console(world: World, owner: Client) -> None:
    variable = put(world, "hunter2")
    for url in (LIST, form_of(variable), form_of(variable, "delete")):
        answer = owner.get(url)
        assert answer.status_code == 200
        assert b"hunter2" not in answer.content


def test_a_secret_that_was_typed_does_not_come_back_with_an_error(world: World, owner: Client) -> None:
    variable = put(world, "old")
    answer = owner.post(form_of(variable), {"value": "hunter2", "is_secret": "on", "reason": "x" * 201})
    assert answer.status_code == 200
    assert b"hunter2" not in answer.content
    assert value(world) == "old"


def test_a_secret_is_replaced_by_what_is_entered_and_not_by_nothing(world: World, owner: Client) -> None:
    variable = put(world, "old")
    empty = owner.post(form_of(variable), {"value": "", "is_secret": "on", "reason": ""})
    assert b"Enter the value of the secret." in empty.content
    assert value(world) == "old"
    assert owner.post(form_of(variable), {"value": "new", "is_secret": "on", "reason": "r"}).status_code == 302
    assert value(world) == "new"


def test_a_plain_value_is_shown_for_editing_as_it_is(world: World, owner: Client) -> None:
    variable = put(world, "\nfirst line empty", encrypted=False)
    assert b">\n\nfirst line empty</textarea>" in owner.get(form_of(variable)).content
    assert owner.post(form_of(variable), {"value": "", "reason": ""}).status_code == 302
    assert value(world) == ""


def test_a_second_variable_of_that_name_is_refused(world: World, owner: Client) -> None:
    put(world, "old")
    given = {
        "project": world.project.pk,
        "environment": "",
        "key": "A",
        "value": "new",
        "is_secret": "on",
        "reason": "",
    }
    answer = owner.post(ADD, given)
    assert b"there is A in shop already" in answer.content
    assert value(world) == "old"


def test_deleting_goes_through_the_service_and_keeps_the_history(world: World, owner: Client) -> None:
    variable = put(world, "old")
    assert owner.post(form_of(variable, "delete"), {"post": "yes"}).status_code == 302
    assert variable.versions.count() == 2
    assert b"No results" in owner.get(LIST).content or b"A" not in _keys(owner)
    assert owner.get(form_of(variable)).status_code == 302


def _keys(client: Client) -> list[bytes]:
    return [row.key.encode() for row in client.get(LIST).context["cl"].queryset]


@pytest.mark.promise("S-06")
def test_the_history_says_who_and_why(world: World, owner: Client) -> None:
    variable = put(world, "old")
    owner.post(form_of(variable), {"value": "new", "is_secret": "on", "reason": "<b>rotated</b>"})
    page = owner.get(form_of(variable)).content.decode()
    assert "owner@example.com" in page
    assert "&lt;b&gt;rotated&lt;/b&gt;" in page


@pytest.mark.promise("R-05")
def test_a_viewer_sees_and_changes_nothing(world: World, signed_in: SignIn) -> None:
    secret, client = put(world, "hunter2"), signed_in(world.viewer)
    page = client.get(form_of(secret))
    assert b"encrypted" in page.content
    assert b"hunter2" not in page.content
    assert client.get(ADD).status_code == 403
    assert client.post(form_of(secret), {"value": "new", "is_secret": "on", "reason": ""}).status_code == 403
    assert client.post(form_of(secret, "delete"), {"post": "yes"}).status_code == 403
    assert value(world) == "hunter2"


def test_a_viewer_sees_plain_values(world: World, signed_in: SignIn) -> None:
    plain = put(world, "shown-value", encrypted=False)
    assert b"shown-value" in signed_in(world.viewer).get(form_of(plain)).content


@pytest.mark.promise("R-04", "R-05")
def test_a_grant_in_one_environment_opens_its_variables_alone(world: World, signed_in: SignIn) -> None:
    staging = world.project.environments.get(slug="staging")
    assign_role(world.nobody, "admin", project=world.project, environment=staging, actor=world.operator)
    here, elsewhere = put(world, "1", staging), put(world, "1", world.production)
    client = signed_in(world.nobody)
    change: Any = {"value": "2", "is_secret": "on", "reason": ""}
    assert client.post(form_of(here), change).status_code == 302
    assert client.post(form_of(elsewhere), change).status_code in (302, 403)
    assert (value(world, staging), value(world, world.production)) == ("2", "1")


def test_filters_and_choices_show_no_project_of_others(world: World, signed_in: SignIn) -> None:
    put(world, "1", world.production)
    client = signed_in(world.outsider)
    for url in (LIST, ADD):
        page = client.get(url).content.decode()
        assert "shop" not in page.lower().replace("workshop", "")
    given = {"project": world.project.pk, "environment": "", "key": "B", "value": "1", "reason": ""}
    assert client.post(ADD, given).status_code == 200
    assert not Variable.objects.filter(key="B").exists()


def test_the_list_is_filtered_by_project_and_environment(world: World, owner: Client) -> None:
    put(world, "1")
    put(world, "1", world.production)

    def places(**chosen: str) -> list[str]:
        return sorted(row.place for row in owner.get(LIST, chosen).context["cl"].queryset)

    assert places() == ["shop", "shop/production"]
    assert places(env="production") == ["shop/production"]
    assert places(env="-") == ["shop"]
    assert places(project__id__exact=str(world.project.pk)) == ["shop", "shop/production"]


def test_what_was_unset_is_not_listed_and_can_be_made_again(world: World, owner: Client) -> None:
    put(world, "1")
    unset_variable(world.project, "A", actor=world.operator)
    assert _keys(owner) == []
    given = {"project": world.project.pk, "environment": "", "key": "A", "value": "2", "is_secret": "on", "reason": ""}
    assert owner.post(ADD, given).status_code == 302
    assert value(world) == "2"
