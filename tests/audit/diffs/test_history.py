"""The history of one object, in the console and over the API: for whoever may read the log, as far as they may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from projects.services import delete_project, update_project
from rbac.models import Grant
from rbac.services import assign_role
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-02")]
Api = Callable[..., APIClient]
SignIn = Callable[[User], Client]
CHANGES = "/api/v1/audit/changes/"


def page(client: Client, kind: str, name: str, **query: str) -> str:
    answer = client.get(reverse("admin:audit_event_history_of", args=[kind, name]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def changes(client: APIClient, **query: str) -> list[dict[str, Any]]:
    answer = client.get(CHANGES, query)
    assert answer.status_code == 200, answer.content
    return list(answer.json()["results"])


def test_the_history_button_leads_to_who_did_what_before_and_after(world: World, signed_in: SignIn) -> None:
    update_project(world.project, name="Store <b>", actor=acting(world.owner))
    client = signed_in(world.admin)
    button = reverse("admin:projects_project_history", args=[world.project.pk])
    assert button in client.get(reverse("admin:projects_project_change", args=[world.project.pk])).content.decode()
    text = client.get(button, follow=True).content.decode()
    for told in ("owner@example.com", "PROJECT_UPDATE", "<del>Shop</del>", "<ins>Store &lt;b&gt;</ins>"):
        assert told in text


def test_a_grant_has_the_events_of_the_people_it_belongs_to(world: World, signed_in: SignIn) -> None:
    grant = assign_role(world.viewer, "member", project=world.project, actor=world.operator)
    text = page(signed_in(world.admin), "grant", grant.public_id)
    assert "<del>viewer</del>" in text
    assert "<ins>member</ins>" in text


def test_history_is_for_who_reads_the_log_and_shows_them_what_is_theirs(world: World, signed_in: SignIn) -> None:
    address = reverse("admin:audit_event_history_of", args=["project", "shop"])
    assert signed_in(world.nobody).get(address).status_code == 403
    assert "PROJECT_CREATE" not in page(signed_in(world.outsider), "project", "shop")
    assert "PROJECT_CREATE" in page(signed_in(world.owner), "project", "shop")


def test_no_history_of_what_one_does_not_see_and_no_button_without_the_right(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.outsider)
    assert client.get(reverse("admin:projects_project_history", args=[world.project.pk])).status_code == 404
    member = signed_in(world.member)
    text = member.get(reverse("admin:projects_project_change", args=[world.project.pk])).content.decode()
    assert reverse("admin:projects_project_history", args=[world.project.pk]) not in text


def test_what_is_gone_still_has_its_history(world: World, signed_in: SignIn) -> None:
    grant = Grant.objects.get(user=world.viewer)
    delete_project(world.project, actor=world.operator)
    assert "PROJECT_DELETE" in page(signed_in(world.admin), "project", "shop")
    assert "PROJECT_DELETE" in page(signed_in(world.admin), "grant", grant.public_id)


def test_history_comes_in_pages(world: World, signed_in: SignIn, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        update_project(world.project, name=f"Shop {number}", actor=world.operator)
    client = signed_in(world.admin)
    with django_assert_max_num_queries(25):
        text = page(client, "project", "shop")
    assert "Shop 59" in text
    assert "Shop 3<" not in text
    older = text.split('href="?before=')[1].split('"')[0]
    assert "Shop 3<" in page(client, "project", "shop", before=older)


@pytest.mark.parametrize("before", ["x", "-1", "1" * 40, "٣"])
def test_a_made_up_page_is_refused(world: World, signed_in: SignIn, before: str) -> None:
    address = reverse("admin:audit_event_history_of", args=["project", "shop"])
    assert signed_in(world.admin).get(address, {"before": before}).status_code == 400


def test_what_the_event_had_no_room_for_comes_from_beside_it(world: World, api: Api) -> None:
    actor = acting(world.admin)
    for letter in "🦆🦉":
        update_project(world.project, name=letter * 120, description=letter * 500, actor=actor)
    newest = changes(api(world.admin), resource_type="project", resource_id="shop")[0]
    assert newest["changes"]["description"] == ["🦆" * 500, "🦉" * 500]


def test_the_api_tells_the_changes_of_an_object_and_of_a_request(world: World, api: Api) -> None:
    grant = assign_role(world.viewer, "member", project=world.project, actor=acting(world.admin))
    found = changes(api(world.admin), resource_type="grant", resource_id=grant.public_id)
    assert found[0]["changes"] == {"role": ["viewer", "member"]}
    assert (found[0]["resourceType"], found[0]["operation"]) == ("user", "ROLE_ASSIGN")
    of_request = changes(api(world.admin), request_id="test-request")
    assert found[0]["eventId"] in [one["eventId"] for one in of_request]
    assert all(one["requestId"] == "test-request" for one in of_request)


def test_the_api_shows_only_changes_of_one_s_own_projects(world: World, api: Api) -> None:
    assert {one["resourceId"] for one in changes(api(world.outsider))} <= {"other", world.outsider.public_id}
    assert not changes(api(world.outsider), resource_type="project", resource_id="shop")
    assert api(world.nobody).get(CHANGES).status_code == 403


@pytest.mark.parametrize(
    "query", [{"resource_type": "project"}, {"resource_id": "shop"}, {"resouce_id": "shop"}, {"request_id": "x" * 65}]
)
def test_a_filter_that_says_nothing_is_refused(world: World, api: Api, query: dict[str, str]) -> None:
    assert api(world.admin).get(CHANGES, query).status_code == 400


def test_the_list_of_changes_comes_in_pages(world: World, api: Api) -> None:
    client = api(world.admin)
    first = client.get(CHANGES, {"limit": 2}).json()
    second = client.get(first["next"]).json()
    assert len(first["results"]) == len(second["results"]) == 2
    assert not {one["eventId"] for one in first["results"]} & {one["eventId"] for one in second["results"]}
