from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from projects.models import Project
from projects.services import create_project
from temps.lib.errors import Conflict, Denied, Invalid
from tests.world import World, acting


def test_a_project_comes_with_its_environments(world: World) -> None:
    project = create_project("My App", actor=acting(world.developer))
    assert project.slug == "my-app"
    assert {str(environment) for environment in project.environments.all()} == {"production", "staging", "development"}


@pytest.mark.promise("R-05")
def test_who_makes_a_project_owns_it_and_others_do_not_see_it(world: World) -> None:
    with pytest.raises(Denied):
        create_project("Mine", actor=acting(world.outsider))
    assert list(Project.objects.visible_to(acting(world.outsider))) == [world.other]
    assert not Project.objects.visible_to(acting(world.nobody)).exists()


@pytest.mark.parametrize("slug", ["-a", "a-", "a\n", "A", "a_b", "a" * 64, "ä", "a/b"])
def test_a_slug_is_a_dns_label(world: World, slug: str) -> None:
    with pytest.raises(Invalid):
        create_project("x", slug=slug, actor=world.operator)


def test_a_slug_is_taken_once(world: World) -> None:
    with pytest.raises(Conflict):
        create_project("Shop", actor=world.operator)


# The API


def test_a_project_by_the_api(world: World, api: Any) -> None:
    made = api(world.developer).post("/api/v1/projects/", {"name": "My App"}, format="json")
    assert (made.status_code, made.json()["slug"]) == (201, "my-app")
    listed = api(world.developer).get("/api/v1/projects/").json()["results"]
    assert {project["slug"] for project in listed} == {"my-app", "shop", "other"}


@pytest.mark.promise("R-05")
def test_a_project_of_others_is_as_absent_as_one_that_never_was(world: World, api: Any) -> None:
    client = api(world.member)
    answers = [client.get(f"/api/v1/projects/{slug}/") for slug in ("other", "never")]
    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [answer.json() | {"requestId": ""} for answer in answers]
    assert str(bodies[0]).replace("other", "never") == str(bodies[1])


def test_only_an_owner_deletes_and_history_outlives_the_project(world: World, api: Any) -> None:
    assert api(world.member).delete("/api/v1/projects/shop/").status_code == 403
    assert api(world.owner).delete("/api/v1/projects/shop/").status_code == 204
    assert not Project.objects.filter(slug="shop").exists()
    events = Event.objects.filter(project="shop", operation="PROJECT_DELETE")
    assert [event.user_email for event in events] == [world.owner.email]


def test_a_bad_request_changes_nothing_and_names_the_field(world: World, api: Any) -> None:
    answer = api(world.developer).post("/api/v1/projects/", {"name": "x", "slug": "No Slug"}, format="json")
    assert answer.status_code == 400
    assert "slug" in answer.json()["errors"]
    assert not Project.objects.filter(name="x").exists()


@pytest.mark.promise("L-03")
def test_a_denial_is_recorded_after_its_transaction_rolled_back(world: World, api: Any) -> None:
    api(world.viewer).patch("/api/v1/projects/shop/", {"name": "Mine"}, format="json")
    denied = Event.objects.filter(result="denied").get()
    assert (denied.user_email, denied.resource_id) == (world.viewer.email, "projects:update")
    assert Project.objects.get(slug="shop").name == "Shop"


# The command line


def test_the_commands(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("project", "create", "--name", "My App", "--environments", "live,test")
    call_command("project", "list", "--json", "--as", "outsider@example.com")
    printed = capsys.readouterr().out
    assert "created my-app with live, test" in printed
    assert [row["slug"] for row in json.loads(printed[printed.index("[") :])] == ["other"]


def test_deleting_needs_the_slug_twice(world: World) -> None:
    with pytest.raises(CommandError, match="--confirm shop"):
        call_command("project", "delete", "--project", "shop", "--confirm", "yes")
    call_command("project", "delete", "--project", "shop", "--confirm", "shop")
    assert not Project.objects.filter(slug="shop").exists()


@pytest.mark.promise("L-01")
def test_a_change_in_the_console_is_recorded_with_what_was_there_before(world: World, signed_in: Any) -> None:
    page = f"/projects/project/{world.project.pk}/change/"
    signed_in(world.owner).post(page, {"name": "Our shop", "description": "sells"})
    told = Event.objects.latest("id").metadata
    assert told["before"] == {"name": "Shop", "description": ""}
    assert told["after"] == {"name": "Our shop", "description": "sells"}


@pytest.mark.parametrize("limit", ["0", "-1", "501", "abc", "", "1e2", "٣"])
def test_a_page_of_no_possible_size_is_refused(world: World, api: Any, limit: str) -> None:
    answer = api(world.owner).get("/api/v1/projects/", {"limit": limit})
    assert answer.status_code == 400
    assert "limit" in str(answer.json())
