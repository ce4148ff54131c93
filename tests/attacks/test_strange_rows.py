"""A row among the events that Temps could not have written: it must hide neither the others nor itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from audit.alerts.models import Alert, Rule
from audit.models import Checkpoint, Event, Tree
from audit.proof import sealer
from audit.strangers import OPERATION
from temps.lib import clock
from tests.audit.proof.made import seal, verdict
from tests.audit.tampering import put_in, sql
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04", "L-05")]
SignedIn = Callable[[User], Client]
Api = Callable[..., Any]
DEEP = '{"a": ' + "[" * 900 + "]" * 900 + "}"
STRANGE: list[dict[str, Any]] = [
    *({"metadata": metadata} for metadata in ("[]", "5", "null", '"x"', DEEP, '{"n": 123456789012345678901234567890}')),
    *({"metadata": json.dumps({"changes": changes})} for changes in (5, {"name": 5}, {"name": ["only one"]})),
    {"metadata": '{"alsoChanged": [{}]}'},
    *({"public_id": public_id} for public_id in ("", "a\nb", "a/b")),
    *({"timestamp": timestamp} for timestamp in ("infinity", "-infinity", "9999-12-31 23:59:59.999999+00:00")),
    {"timestamp": "0001-01-01 00:00:00.000001+00:00"},
]
strange = pytest.mark.parametrize("columns", STRANGE, ids=lambda columns: str(columns)[:60])
PAGES = ("/audit/event/", "/audit/event/timeline/", "/audit/event/charts/", "/", "/audit/event/?since=1h&result=denied")


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Any) -> None:
    """A checkpoint file of the test's own."""


def stand_in() -> tuple[int, str]:
    """The key of the row put in last, and the name that it goes by."""
    key, public_id = Event.objects.order_by("-id").values_list("id", "public_id")[0]
    return key, public_id if public_id.startswith("evt_") else f"row-{key}"


@strange
def test_the_api_names_it(world: World, api: Api, columns: dict[str, Any]) -> None:
    put_in(**columns)
    key, name = stand_in()
    client = api(world.admin)
    shown, *others = client.get("/api/v1/audit/events/?limit=5").json()["results"]
    assert (shown["operation"], shown["result"], shown["metadata"]["row"]) == (OPERATION, "failure", key)
    assert shown["metadata"]["columns"]["user_id"] == Event.objects.values_list("user_id", flat=True).earliest("id")
    assert OPERATION not in str(others)
    assert client.get(f"/api/v1/audit/events/{name}/").json() == shown
    assert client.get("/api/v1/audit/changes/").status_code == 200


@strange
def test_the_console_shows_it_and_all_else(world: World, signed_in: SignedIn, columns: dict[str, Any]) -> None:
    put_in(**columns)
    client, (key, name) = signed_in(world.admin), stand_in()
    for path in PAGES:
        assert client.get(path).status_code == 200, path
    page = client.get("/audit/event/").content.decode()
    assert f"not an entry that Temps wrote: row {key}" in page
    assert "created the project shop" in page
    assert "Not an entry that Temps wrote" in client.get(f"/audit/event/{name}/change/").content.decode()


@strange
def test_the_command_prints_it(world: World, capsys: Any, columns: dict[str, Any]) -> None:
    put_in(**columns)
    call_command("audit", "logs")
    assert "not an entry that Temps wrote" in capsys.readouterr().out
    call_command("audit", "logs", "--json")
    assert json.loads(capsys.readouterr().out)[0]["operation"] == OPERATION


@pytest.mark.parametrize("columns", [{"metadata": "[]"}, {"timestamp": "infinity"}, {"public_id": "a\nb"}], ids=str)
def test_it_is_never_sealed_and_verification_tells_of_it(world: World, columns: dict[str, Any]) -> None:
    put_in(**columns)
    seal()
    assert (Tree.objects.get().foreign, verdict().whole) == (1, False)


def test_what_was_bent_in_a_sealed_row_does_not_pass_for_its_entry(world: World, signed_in: SignedIn) -> None:
    seal()
    public_id, key = Event.objects.order_by("id").values_list("public_id", "id")[0]
    sql("UPDATE audit_event SET metadata = '[]' WHERE id = %s", key)
    page = signed_in(world.admin).get(f"/audit/event/{public_id}/change/").content.decode()
    assert "Not an entry that Temps wrote" in page
    assert "Sealed as entry" not in page


def test_a_row_that_can_be_read_is_not_found_by_its_number(world: World, api: Api) -> None:
    key = Event.objects.latest("id").pk
    assert api(world.admin).get(f"/api/v1/audit/events/row-{key}/").status_code == 404


def test_bytes_that_are_no_text_hide_nothing(world: World, api: Api) -> None:
    name = put_in()
    if connection.vendor == "sqlite":
        sql("UPDATE audit_event SET description = CAST(x'ff41' AS TEXT) WHERE public_id = %s", name)
    results = api(world.admin).get("/api/v1/audit/events/?limit=5").json()["results"]
    assert [one["operation"] for one in results].count(OPERATION) == (connection.vendor == "sqlite")


def test_whoever_may_not_read_it_does_not_see_its_stand_in(world: World, api: Api) -> None:
    put_in(metadata="[]", project="other")
    assert OPERATION not in str(api(world.owner).get("/api/v1/audit/events/").json())
    assert api(world.owner).get(f"/api/v1/audit/events/{stand_in()[1]}/").status_code == 404


def test_times_beside_tree_and_checkpoints_break_no_page(world: World, signed_in: SignedIn) -> None:
    sealer.seal_everything()
    for table, column in ((Tree, "failed_at"), (Checkpoint, "created_at")):
        value = "infinity" if connection.vendor == "postgresql" else clock.now()
        sql(f"UPDATE {table._meta.db_table} SET {column} = %s", value)  # noqa: S608
    sql("UPDATE audit_tree SET failure = 'broken'")
    client, name = signed_in(world.admin), Event.objects.order_by("id")[0].public_id
    assert "broken" in client.get("/audit/event/").content.decode()
    assert "Covered by the signed checkpoint of" in client.get(f"/audit/event/{name}/change/").content.decode()


def test_an_alert_leads_to_its_events(world: World, signed_in: SignedIn) -> None:
    event, now = Event.objects.latest("id"), clock.now()
    alert = Alert.objects.create(
        rule=Rule.objects.first(),
        title="x",
        severity="info",
        first_at=now,
        last_at=now,
        details={"events": [event.public_id]},
    )
    page = signed_in(world.admin).get(f"/audit_alerts/alert/{alert.pk}/change/").content.decode()
    assert f"/audit/event/{event.public_id}/change/" in page
