from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from audit import admin, counting
from audit.actions import Action, Result
from audit.console import views
from audit.console.event_page import diffs_of
from audit.exporting import exports
from audit.folding import close_folds, record_denial
from audit.models import Event, Export, Tree
from audit.proof.sealer import seal_everything
from audit.services import record
from projects.services import update_project
from rbac.services import assign_role
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Denied
from tests.world import World, acting

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
    page = shown(client, f"{LIST}{event.public_id}/change/")
    assert event.public_id in page
    assert "<script>alert(1)" not in page
    assert client.post(f"{LIST}{event.public_id}/change/", {"description": "nothing"}).status_code == 403
    for path in (f"{LIST}add/", f"{LIST}{event.public_id}/delete/"):
        assert client.get(path).status_code == 403
    event.refresh_from_db()
    assert event.description == "<script>alert(1)</script>"


def test_the_event_of_another_project_does_not_open(world: World, signed_in: SignIn) -> None:
    event = Event.objects.filter(project="shop").earliest("id")
    answer = signed_in(world.outsider).get(f"{LIST}{event.public_id}/change/")
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


# What the list, the timeline and the charts show.

VIEWS = [LIST, f"{LIST}timeline/", f"{LIST}charts/"]


def happened(project: str, description: str = "did it", result: Result = Result.SUCCESS, request: str = "") -> Event:
    actor = Actor.anonymous(address="198.51.100.7", user_agent="spy/1", request_id=request)
    with transaction.atomic():
        return record(actor, Action.SETTINGS_UPDATE, ("thing", "plan"), description, project=project, result=result)


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_costs_more_queries_for_more_events(world: World, signed_in: SignIn, view: str) -> None:
    client = signed_in(world.owner)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(client, view)
        # What else a request reads (the firewall's policy, now and then) is not the log's.
        return sum("audit_" in query["sql"] for query in captured)

    few = queries()
    for number in range(60):
        happened("shop", request=f"r{number}")
    assert queries() == few <= 6


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "asked",
    [
        *("", "request=shared", "text=secret+plan", "q=secret+plan", "resource=thing:plan", "since=1h"),
        *("address=198.51.100.0/24", "project=other", "user=anonymous", "operation=SETTINGS_*"),
    ],
)
def test_no_view_tells_of_another_project(world: World, signed_in: SignIn, view: str, asked: str) -> None:
    happened("other", "secret plan", Result.DENIED, request="shared")
    client = signed_in(world.owner)
    before = shown(client, f"{view}?{asked}")
    assert "secret plan</" not in before
    assert "SETTINGS_UPDATE</" not in before
    assert "198.51.100.7" not in before
    for _ in range(3):
        happened("other", "secret plan", Result.DENIED, request="shared")
    assert figures(shown(client, f"{view}?{asked}")) == figures(before)


def figures(page: str) -> list[str]:
    """Every number that the page shows to people."""
    main = page[page.index('id="content"') :]
    return [part for part in re.findall(r">\s*([0-9][0-9,]*)\b[^<]*<", main) if not part.startswith("20")]


@pytest.mark.parametrize("view", VIEWS[1:])
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("operation=SECRIT_*", "there is no operation"),
        ("address=10.0.0.1/8", "has host bits that are not zero"),
        ("since=soon", "a time is like"),
        ("since=1d&until=2d", "ends before it starts"),
        ("text=" + "x" * 300, "at most 200 characters"),
        ("usr=me", "there is no filter called"),
    ],
)
def test_a_wrong_filter_is_told_beside_its_field_and_shows_nothing(
    world: World, signed_in: SignIn, view: str, asked: str, message: str
) -> None:
    page = shown(signed_in(world.admin), f"{view}?{asked}")
    assert message in page
    assert "A filter cannot be understood" in page


@pytest.mark.parametrize("asked", ["operation=SECRIT_*", "address=10.0.0.1/8", "since=soon", "until=%00x"])
def test_in_the_list_a_wrong_filter_is_told_and_shows_nothing(world: World, signed_in: SignIn, asked: str) -> None:
    answer = signed_in(world.admin).get(f"{LIST}?{asked}")
    assert answer.status_code in (200, 400)
    assert b"created the project" not in answer.content


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.promise("R-05")
def test_every_view_is_closed_to_those_without_the_permission(world: World, signed_in: SignIn, view: str) -> None:
    assert signed_in(world.member).get(view).status_code == 403


@pytest.mark.parametrize("view", VIEWS)
def test_what_matches_nothing_is_a_page_of_its_own(world: World, signed_in: SignIn, view: str) -> None:
    assert "No events match" in shown(signed_in(world.admin), f"{view}?project=none")


def test_the_views_lead_to_each_other_with_the_same_filters(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.admin)
    assert "/audit/event/timeline/?project=shop&amp;text=gave" in shown(client, f"{LIST}?q=gave&project=shop")
    assert "/audit/event/?project=shop&amp;text=gave" in shown(client, f"{LIST}charts/?text=gave&project=shop")


def test_the_timeline_folds_a_run_of_one_request_and_shows_the_worst(world: World, signed_in: SignIn) -> None:
    happened("shop", "one", request="r1")
    happened("shop", "two", Result.DENIED, request="r1")
    happened("shop", "three", request="r1")
    page = shown(signed_in(world.owner), f"{LIST}timeline/?request=r1")
    assert "and 2 more of the same request" in page
    assert page.count('class="audit-line audit-denied"') == page.count('class="audit-line') == 1


def test_the_timeline_goes_on_where_the_page_ended(
    world: World, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE", 2)
    events = [happened("shop", f"step {number}") for number in range(3)]
    client = signed_in(world.owner)
    page = shown(client, f"{LIST}timeline/?text=step")
    assert ("step 2<" in page, "step 1<" in page, "step 0<" in page) == (True, True, False)
    assert f"before={events[1].public_id}" in page
    older = shown(client, f"{LIST}timeline/?text=step&before={events[1].public_id}")
    assert ("step 1<" in older, "step 0<" in older) == (False, True)
    foreign = Event.objects.filter(project="other").earliest("id").public_id
    assert client.get(f"{LIST}timeline/?before={foreign}").status_code == 404


def test_the_charts_count_by_result_and_list_who_and_what(world: World, signed_in: SignIn) -> None:
    happened("shop", result=Result.DENIED)
    happened("shop")
    page = shown(signed_in(world.owner), f"{LIST}charts/?since=1h&resource=thing:plan")
    assert "<strong>2</strong> events, <strong>1</strong> of them denied or failed" in page
    assert page.count('<rect class="audit-fill-denied"') == 1
    assert "1 success, 1 denied</title>" in page
    assert "operation=SETTINGS_UPDATE" in page
    assert "user=anonymous" in page


def test_the_charts_say_when_they_do_not_count_everything(
    world: World, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "LIMIT", 2)
    monkeypatch.setattr(views, "LIMIT", 2)
    page = shown(signed_in(world.admin), f"{LIST}charts/")
    assert "Only the newest 2 events are counted" in page


@pytest.mark.parametrize(
    "asked", ["since=0001-01-01", "since=9999-12-31", "until=0001-01-01", "since=1900-01-01&until=9999-12-31"]
)
def test_the_charts_bear_any_time(world: World, signed_in: SignIn, asked: str) -> None:
    page = shown(signed_in(world.admin), f"{LIST}charts/?{asked}")
    assert page.count("<rect ") < 300


def test_pages_of_the_log_hold_no_script_and_no_style_of_their_own(world: World, signed_in: SignIn) -> None:
    event = happened("shop", "<script>alert(1)</script>")
    client = signed_in(world.admin)
    for path in (f"{LIST}timeline/", f"{LIST}charts/?text=<script>alert(1)", f"{LIST}{event.public_id}/change/"):
        main = (page := shown(client, path))[page.index('id="content"') :]
        assert "<script>alert" not in page
        assert " style=" not in main.split("<footer")[0]


# One event.


def test_an_event_leads_to_what_is_like_it(world: World, signed_in: SignIn) -> None:
    event = happened("shop", request="r1")
    page = shown(signed_in(world.owner), f"{LIST}{event.public_id}/change/")
    assert "request=r1&amp;since=" in page
    for link in ("user=anonymous", "resource=thing%3Aplan", "address=198.51.100.7", "operation=SETTINGS_UPDATE"):
        assert f"{LIST}?{link}" in page


def test_the_number_of_a_row_opens_nothing_and_is_shown_nowhere(world: World, signed_in: SignIn) -> None:
    event = Event.objects.filter(project="shop").earliest("id")
    client = signed_in(world.owner)
    assert client.get(f"{LIST}{event.pk}/change/").status_code == 302
    assert f"{LIST}{event.pk}/" not in shown(client, LIST)


def test_an_event_tells_how_it_is_sealed(world: World, signed_in: SignIn, data_dir: Path) -> None:
    path = f"{LIST}{happened('shop').public_id}/change/"
    client = signed_in(world.admin)
    assert "Waits to be sealed" in shown(client, path)
    seal_everything()
    page = shown(client, path)
    assert f"Sealed as entry {Event.objects.latest('id').position}" in page
    assert "Covered by the signed checkpoint of" in page


@pytest.mark.promise("R-05")
def test_the_place_in_the_whole_log_is_not_for_members_of_a_project(
    world: World, signed_in: SignIn, data_dir: Path
) -> None:
    event = happened("shop")
    seal_everything()
    page = shown(signed_in(world.owner), f"{LIST}{event.public_id}/change/")
    assert "<strong>Sealed.</strong>" in page
    assert "entries" not in page
    assert "as entry" not in page


@pytest.mark.parametrize("view", [*VIEWS, "one"])
def test_every_page_says_when_sealing_fails(world: World, signed_in: SignIn, view: str) -> None:
    path = f"{LIST}{happened('shop').public_id}/change/" if view == "one" else view
    Tree.objects.create(pk=1, origin="o", failure="the key is gone", failed_at=clock.now())
    page = shown(signed_in(world.admin), path)
    assert "Sealing fails since" in page
    assert "the key is gone" in page
    assert "the key is gone" not in shown(signed_in(world.owner), path)


def test_what_waits_for_too_long_is_said(world: World, signed_in: SignIn) -> None:
    with time_machine.travel(clock.now() + timedelta(minutes=2)):
        assert "has not come by for more than a minute" in shown(signed_in(world.admin), LIST)


def test_an_event_shows_what_changed_as_the_history_does(world: World, signed_in: SignIn) -> None:
    update_project(world.project, name="Store <b>", actor=acting(world.owner))
    event = Event.objects.get(operation=Action.PROJECT_UPDATE)
    page = shown(signed_in(world.owner), f"{LIST}{event.public_id}/change/")
    assert "<del>Shop</del>" in page
    assert "<ins>Store &lt;b&gt;</ins>" in page
    assert '<th scope="row">changes</th>' not in page


def test_an_event_shows_what_changed_beside_its_object(world: World, signed_in: SignIn) -> None:
    grant = assign_role(world.viewer, "member", project=world.project, actor=acting(world.owner))
    event = Event.objects.filter(operation=Action.ROLE_ASSIGN).latest("id")
    page = shown(signed_in(world.owner), f"{LIST}{event.public_id}/change/")
    assert f"grant {grant.public_id}</h3>" in page
    assert "<ins>member</ins>" in page
    assert '<th scope="row">alsoChanged</th>' not in page


@pytest.mark.parametrize("odd", [7, "[too long]", [1], None])
@pytest.mark.parametrize("name", ["changes", "alsoChanged"])
def test_what_is_no_diff_stays_metadata(name: str, odd: Any) -> None:
    assert diffs_of({name: odd}) == ([], {name: odd})


def test_a_diff_in_which_something_was_too_long_or_odd_is_shown() -> None:
    told, left = diffs_of({"changes": {"a": "[too long]", "b_c": [None, True], "d": [1, 2, 3]}})
    both = "[too long]", "[too long]"
    assert told == [("", [("a", *both), ("b c", "", "yes"), ("d", "[1, 2, 3]", "[1, 2, 3]")])]
    assert left == {}


def test_a_result_looks_the_same_in_every_view(world: World, signed_in: SignIn) -> None:
    event = happened("shop", result=Result.DENIED)
    badge = '<span class="temps-result temps-result-denied">denied</span>'
    for path in (*VIEWS[:2], f"{LIST}{event.public_id}/change/"):
        assert badge in shown(signed_in(world.owner), path)


def test_repetitions_lead_to_the_first(world: World, signed_in: SignIn) -> None:
    with time_machine.travel(clock.now() - timedelta(hours=1)):
        for _ in range(3):
            record_denial(Denied("no", actor=acting(world.nobody), permission="secrets:reveal", project="shop"))
    close_folds()
    first, last = Event.objects.filter(result="denied").order_by("id")
    page = shown(signed_in(world.owner), f"{LIST}{last.public_id}/change/")
    assert "no … 2 more times" in page
    assert f"{LIST}{first.public_id}/change/" in page
