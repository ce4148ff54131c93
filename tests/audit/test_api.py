from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from audit.actions import Action
from audit.models import Event
from audit.services import record
from temps.lib.actor import Actor, Credential, CredentialKind
from tests.world import World

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
    [("operation", "DEPLOYMENT_CREAT"), ("result", "maybe"), ("since", "soon"), ("text", "x" * 300), ("usr", "me")],
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
