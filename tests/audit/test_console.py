from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from audit import admin
from audit.actions import Action
from audit.exporting import exports
from audit.models import Event, Export
from audit.services import record
from temps.lib.actor import Actor
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-05")]
LIST = "/audit/event/"
SignIn = Callable[[User], Client]


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_the_list_shows_what_the_person_may_see(world: World, signed_in: SignIn) -> None:
    assert "created the project other" in shown(signed_in(world.admin), LIST)
    page = shown(signed_in(world.owner), LIST)
    assert "created the project shop" in page
    assert "project other" not in page


@pytest.mark.parametrize("query", ["operation=ROLE_ASSIGN", "result=success&since=1h", "q=gave", "project=shop"])
def test_filters_and_search_work(world: World, signed_in: SignIn, query: str) -> None:
    page = shown(signed_in(world.admin), f"{LIST}?{query}")
    assert "ROLE_ASSIGN" in page


@pytest.mark.parametrize("query", ["operation=NO_SUCH", "since=soon", "q=%25", "p=99999", "result=x&q=" + "y" * 900])
def test_made_up_filters_harm_nothing(world: World, signed_in: SignIn, query: str) -> None:
    assert signed_in(world.admin).get(f"{LIST}?{query}").status_code in (200, 302)


def test_an_entry_is_shown_whole_escaped_and_cannot_be_changed(world: World, signed_in: SignIn) -> None:
    with transaction.atomic():
        event = record(Actor.operator(), Action.SETTINGS_UPDATE, ("thing", "t1"), "<script>alert(1)</script>")
    client = signed_in(world.admin)
    page = shown(client, f"{LIST}{event.pk}/change/")
    assert event.public_id in page
    assert "<script>alert(1)" not in page
    assert client.post(f"{LIST}{event.pk}/change/", {"description": "nothing"}).status_code == 403
    for path in (f"{LIST}add/", f"{LIST}{event.pk}/delete/"):
        assert client.get(path).status_code == 403
    event.refresh_from_db()
    assert event.description == "<script>alert(1)</script>"


def test_the_event_of_another_project_does_not_open(world: World, signed_in: SignIn) -> None:
    event = Event.objects.filter(project="shop").earliest("id")
    answer = signed_in(world.outsider).get(f"{LIST}{event.pk}/change/")
    assert answer.status_code == 302  # Django's admin says "does not exist" on the page it leads to
    assert event.description not in signed_in(world.outsider).get("/").content.decode()


def test_the_list_counts_no_further_than_it_needs(
    world: World, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "COUNT_LIMIT", 5)
    monkeypatch.setattr(admin.EventAdmin, "list_per_page", 2)
    client = signed_in(world.admin)
    with CaptureQueriesContext(connection) as captured:
        page = shown(client, LIST)
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"] and "audit_event" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 5" in counts[0]
    assert page.count("/change/") == 2


@pytest.mark.promise("L-06")
def test_an_export_is_asked_for_and_offered_for_download(world: World, signed_in: SignIn, data_dir: Path) -> None:
    client = signed_in(world.admin)
    given: dict[str, Any] = {"start_date": "2024-01-01", "end_date": "2024-12-31", "format": "json"}
    assert client.post("/audit/export/add/", given).status_code == 302
    export = Export.objects.get()
    exports.run_export(export.public_id, actor=Actor.system("audit.export"))
    link = f"/api/v1/audit/exports/{export.public_id}/download/"
    assert link in shown(client, "/audit/export/")
    assert link in shown(client, f"/audit/export/{export.pk}/change/")
    assert client.get(link).status_code == 200


@pytest.mark.promise("L-06")
def test_a_wrong_range_is_said_on_the_form(world: World, signed_in: SignIn) -> None:
    given = {"start_date": "2024-02-01", "end_date": "2024-01-01", "format": "json"}
    page = signed_in(world.admin).post("/audit/export/add/", given)
    assert "lies before the start date" in page.content.decode()
    assert not Export.objects.exists()


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("name", ["member", "developer", "nobody"])
def test_the_console_is_closed_to_those_without_the_permission(world: World, signed_in: SignIn, name: str) -> None:
    client = signed_in(getattr(world, name))
    assert client.get(LIST).status_code == 403
    assert client.get("/audit/export/").status_code == 403
    assert client.get("/audit/export/add/").status_code == 403
