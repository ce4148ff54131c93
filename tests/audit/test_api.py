from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from audit.actions import Action
from audit.models import Event
from audit.services import record
from projects.services import create_project
from temps.lib.actor import Actor, Credential, CredentialKind
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-05")]
URL = "/api/v1/audit/events/"
Api = Callable[..., APIClient]


def make_events(count: int, project: str = "shop") -> None:
    with transaction.atomic():
        for number in range(count):
            record(Actor.operator(), Action.SETTINGS_UPDATE, ("thing", f"t{number}"), "did it", project=project)


def test_the_list_shows_entries_in_the_documented_format(world: World, api: Api) -> None:
    first = api(world.admin).get(URL, {"limit": 1}).json()["results"][0]
    assert first == Event.objects.latest("id").as_entry()


def test_pages_hold_every_event_once_while_more_arrive(world: World, api: Api) -> None:
    make_events(25)
    before = list(Event.objects.filter(project="shop").values_list("public_id", flat=True))
    client, page, seen = api(world.owner), f"{URL}?limit=7", []
    while page:
        answer = client.get(page).json()
        seen += [entry["metadata"]["eventId"] for entry in answer["results"]]
        page = answer["next"]
        make_events(1)
    assert seen == before


def test_a_page_costs_the_same_number_of_queries_however_many_events(world: World, api: Api) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api(world.owner).get(URL, {"limit": 500}).status_code == 200
        return len(captured)

    queries()  # what a process reads once
    few = queries()
    make_events(60)
    assert queries() == few <= 5


@pytest.mark.parametrize("cursor", ["p=1%27+OR+1", "p=abc", "p=" + "9" * 5000, "o=-1", "r=x", "p=99999999999999999999"])
def test_a_made_up_cursor_is_answered_and_not_run(world: World, api: Api, cursor: str) -> None:
    text = base64.b64encode(cursor.encode()).decode()
    answer = api(world.admin).get(URL, {"cursor": text})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["cursor"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("operation", "DEPLOYMENT_CREAT"),
            ("result", "maybe"),
            ("since", "soon"),
            ("text", "x" * 300),
            ("usr", "me"),
        ),
        *(("until", "never"), ("address", "10.0.0.1/8"), ("operation", "SECRIT_*"), ("request", "y" * 300)),
    ],
)
def test_a_wrong_filter_is_named_and_shows_nothing(world: World, api: Api, name: str, value: str) -> None:
    answer = api(world.admin).get(URL, {name: value})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [name]


def test_filters_of_the_api_are_those_of_the_command(world: World, api: Api) -> None:
    make_events(3, project="other")
    asked = {"project": "other", "operation": "settings_update", "user": "operator", "since": "1h", "text": "T2"}
    answer = api(world.admin).get(URL, asked).json()
    assert [entry["resourceId"] for entry in answer["results"]] == ["t2"]


def test_one_event_is_found_by_its_id_by_those_who_may_see_it(world: World, api: Api) -> None:
    event = Event.objects.filter(project="shop").earliest("id")
    assert api(world.owner).get(f"{URL}{event.public_id}/").json() == event.as_entry()
    assert api(world.outsider).get(f"{URL}{event.public_id}/").status_code == 404


@pytest.mark.promise("R-05")
def test_who_may_read_nothing_is_refused_and_recorded(world: World, api: Api) -> None:
    assert api().get(URL).status_code == 401
    assert api(world.member).get(URL).status_code == 403
    narrow = Credential(CredentialKind.API_KEY, id="key_1", scopes=frozenset({"projects:read"}))
    assert api(world.admin, narrow).get(URL).status_code == 403
    denials = Event.objects.filter(operation=Action.PERMISSION_CHECK).values_list("user_email", flat=True)
    assert sorted(denials) == ["admin@example.com", "member@example.com"]


def test_nothing_but_reading_is_offered(world: World, api: Api) -> None:
    client: Any = api(world.admin)
    event = Event.objects.earliest("id")
    for method in (client.post, client.put, client.patch, client.delete):
        assert method(f"{URL}{event.public_id}/").status_code == 405


def test_a_filter_given_twice_is_refused(world: World, api: Api) -> None:
    answer = api(world.admin).get(f"{URL}?project=shop&project=other")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["project"])


def test_an_address_a_resource_and_a_request_can_be_asked_for(world: World, api: Api) -> None:
    create_project("Mine", actor=acting(world.admin))
    asked = {"address": "192.0.2.0/24", "resource": "project:mine", "request": "test-request", "until": "2999-01-01"}
    answer = api(world.admin).get(URL, asked).json()
    assert [entry["resourceId"] for entry in answer["results"]] == ["mine"]
    assert api(world.admin).get(URL, asked | {"address": "192.0.3.0/24"}).json()["results"] == []


@pytest.mark.promise("R-05")
@pytest.mark.parametrize(
    "asked",
    [
        *({"request": "shared"}, {"text": "shared secret plan"}, {"resource": "thing:plan"}, {"project": "other"}),
        *({"address": "198.51.100.0/24"}, {"user": "outsider@example.com"}, {"operation": "SETTINGS_*"}),
    ],
)
def test_no_filter_shows_what_happened_in_another_project(world: World, api: Api, asked: dict[str, str]) -> None:
    actor = replace(acting(world.outsider), address="198.51.100.7", request_id="shared")
    with transaction.atomic():
        record(actor, Action.SETTINGS_UPDATE, ("thing", "plan"), "shared secret plan", project="other")
    assert api(world.owner).get(URL, asked).json()["results"] == []
    assert len(api(world.outsider).get(URL, asked).json()["results"]) >= 1
