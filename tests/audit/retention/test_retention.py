from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from auditlog.models import LogEntry
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from rest_framework.test import APIClient

from audit import triggers
from audit.actions import Action
from audit.models import Checkpoint, Event, LegalHold, Retirement
from audit.proof.merkle import leaf_hash
from audit.proof.tiles import Tiles
from audit.retention.services import place_hold, release_hold, retire_due, set_retention
from audit.tasks import retire
from projects.services import create_project
from temps.lib import clock
from temps.lib.errors import Conflict, Denied, Invalid, NotFound
from tests.audit.proof.made import seal, verdict
from tests.audit.retention.made import OPERATOR, SYSTEM, left, write
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-08")]


def test_without_a_policy_nothing_is_removed() -> None:
    assert retire_due(actor=SYSTEM) == 0
    assert len(left()) == 25


def test_what_has_had_its_time_goes_and_the_rest_is_still_proven() -> None:
    assert set_retention(90, actor=OPERATOR) == 20
    retire()
    assert left() == [20, 21, 22, 23, 24]
    seal()
    found = verdict()
    assert (found.whole, found.retired, found.verified) == (True, 20, 7)
    told = Event.objects.get(operation=Action.AUDIT_RETIRE)
    assert told.description == "removed 20 entries older than 90 days"


def test_the_command_says_what_was_retired(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("retention", "set", "--days", "90")
    assert "20 are older" in capsys.readouterr().out
    call_command("retention", "run")
    assert capsys.readouterr().out == "removed 20 entries\n"
    call_command("audit", "verify")
    assert "20 entries retired by policy" in capsys.readouterr().out


def test_the_hash_of_what_was_retired_stays() -> None:
    before = Tiles().node(0, 3)
    set_retention(90, actor=OPERATOR)
    retire_due(actor=SYSTEM)
    assert Tiles().node(0, 3) == before != leaf_hash(b"")


@pytest.mark.parametrize(
    ("project", "user", "kept"), [("shop", "", 10), ("", "", 20), ("none", "", 0), ("blog", "x@example.com", 0)]
)
def test_a_hold_keeps_what_it_is_about(project: str, user: str, kept: int) -> None:
    place_hold("an inquiry", project=project, user_email=user, actor=OPERATOR)
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 20 - kept
    assert Event.objects.filter(position__lt=20).count() == kept
    seal()
    assert (verdict().whole, verdict().retired) == (True, 20 - kept)


def test_a_hold_on_a_person(world: World) -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        write(3, actor=acting(world.owner))
    seal()
    place_hold("an inquiry", user_email=world.owner.email.upper(), actor=OPERATOR)
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 20
    assert Event.objects.filter(user_email=world.owner.email, description__startswith="change").count() == 3


def test_a_released_hold_holds_no_longer_and_stays_on_record() -> None:
    hold = place_hold("an inquiry", actor=OPERATOR)
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 0
    release_hold(hold.public_id, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 20
    assert LegalHold.objects.get().released_by
    with pytest.raises(Conflict):
        release_hold(hold.public_id, actor=OPERATOR)


def test_entries_that_wait_to_be_sealed_are_sealed_before_they_are_removed() -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        write(2)
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 22
    seal()
    assert (verdict().whole, verdict().retired) == (True, 22)


def test_large_removals_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.retention.services.BATCH", 6)
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 20
    assert [(row.first, row.last) for row in Retirement.objects.all()] == [(0, 5), (6, 11), (12, 17), (18, 19)]
    seal()
    assert verdict().whole


@pytest.mark.parametrize(("first", "last"), [(0, 24), (19, 20)])
def test_a_statement_that_was_stretched_does_not_count(first: int, last: int) -> None:
    """Someone removes more than was retired and lets the row say so; the signed text does not."""
    set_retention(90, actor=OPERATOR)
    retire_due(actor=SYSTEM)
    Retirement.objects.update(first=first, last=last)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE position = 20")
    assert verdict().problems[0].position == 20
    note = Retirement.objects.get().note
    Retirement.objects.update(note=note.replace("0 19", "0 24"))
    assert "does not count" in str(verdict().problems[0])


def test_the_triggers_let_go_what_was_retired_and_nothing_else() -> None:
    triggers.install()
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 20
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE position = 22")
    assert len(left()) == 5


@pytest.mark.parametrize("days", [0, 1, 29, -5, 10**7])
def test_a_policy_that_would_wipe_traces_is_refused(days: int) -> None:
    with pytest.raises(Invalid, match="30 days at least"):
        set_retention(days, actor=OPERATOR)


def test_old_checkpoints_are_thinned_to_one_a_day() -> None:
    for days_ago in (60, 60, 59):
        with time_machine.travel(clock.now() - timedelta(days=days_ago)):
            write(1)
            seal()
    assert Checkpoint.objects.count() == 5
    retire_due(actor=SYSTEM)
    assert [checkpoint.size for checkpoint in Checkpoint.objects.all()] == [28, 27, 25, 20]
    assert verdict().whole


def test_only_who_may_change_settings_may_change_this(world: World) -> None:
    for change in (lambda actor: set_retention(90, actor=actor), lambda actor: place_hold("x", actor=actor)):
        with pytest.raises(Denied):
            change(acting(world.owner))
    with pytest.raises(NotFound):
        release_hold("hld_missing", actor=acting(world.admin))


def test_over_the_api(api: Callable[..., APIClient], world: World) -> None:
    admin = api(world.admin)
    assert admin.get("/api/v1/audit/retention/").json() == {"days": None}
    assert admin.put("/api/v1/audit/retention/", {"days": 90}, format="json").json() == {"days": 90, "due": 20}
    assert admin.put("/api/v1/audit/retention/", {"days": 3}, format="json").status_code == 400
    made = admin.post("/api/v1/audit/holds/", {"reason": "an inquiry", "project": "shop"}, format="json").json()
    assert admin.delete(f"/api/v1/audit/holds/{made['id']}/").json()["released_by"] == world.admin.email
    assert [hold["id"] for hold in admin.get("/api/v1/audit/holds/").json()["results"]] == [made["id"]]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("retention", "hold", "--reason", "an inquiry", "--project", "shop")
    hold_id = capsys.readouterr().out.split(":")[0]
    call_command("retention", "holds")
    assert "an inquiry" in capsys.readouterr().out
    call_command("retention", "release", hold_id)
    call_command("retention", "set", "--forever")
    call_command("retention", "show")
    assert capsys.readouterr().out.endswith("entries are kept forever\nentries are kept forever\n")
    with pytest.raises(CommandError, match="either --days N or --forever"):
        call_command("retention", "set")


@pytest.mark.parametrize(
    ("arguments", "matches"),
    [
        (("--project", "shop"), True),
        (("--project", "shp"), False),
        (("--user", "nobody@example.com"), False),
        ((), True),
    ],
)
def test_a_hold_that_holds_nothing_yet_says_so(
    arguments: tuple[str, ...], matches: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("retention", "hold", "--reason", "an inquiry", *arguments)
    printed = capsys.readouterr()
    assert printed.out.startswith("hld_")
    assert ("no entry that you may see matches so far" in printed.err) is not matches


def test_a_hold_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="there is no hold 'hld_x': temps retention holds lists them"):
        call_command("retention", "release", "hld_x")


def test_in_the_console(signed_in: Callable[..., Client], world: World) -> None:
    client = signed_in(world.admin)
    page = client.get("/audit/retentionpolicy/", follow=True)
    assert "kept forever" in page.content.decode()
    client.post("/audit/retentionpolicy/1/change/", {"days": "90"})
    assert Event.objects.filter(operation=Action.RETENTION_UPDATE).count() == 1
    refused = client.post("/audit/retentionpolicy/1/change/", {"days": "3"})
    assert "30 days at least" in refused.content.decode()
    assert "ntries are removed after 90 days" in refused.content.decode()
    assert "ntries are removed after 3 days" not in refused.content.decode()


def test_the_form_of_a_hold_says_what_an_empty_field_means(signed_in: Callable[..., Client], world: World) -> None:
    page = signed_in(world.admin).get("/audit/legalhold/add/").content.decode()
    assert "Empty: those of every project." in page
    assert "Where both are empty, the hold keeps the whole log." in page


def test_a_hold_is_released_on_its_own_page(signed_in: Callable[..., Client], world: World) -> None:
    hold = place_hold("an inquiry", actor=acting(world.admin))
    page, client = f"/audit/legalhold/{hold.pk}/change/", signed_in(world.admin)
    sent = dict(re.findall(r'name="(action|_selected_action)" value="([^"]+)"', client.get(page).content.decode()))
    client.post("/audit/legalhold/", sent)
    hold.refresh_from_db()
    assert hold.released_by == world.admin.email
    assert "Release this hold" not in client.get(page).content.decode()


def test_a_hold_in_the_console(signed_in: Callable[..., Client], world: World) -> None:
    client = signed_in(world.admin)
    client.post("/audit/legalhold/add/", {"project": "shop", "user_email": "", "reason": "an inquiry"})
    hold = LegalHold.objects.get()
    chosen = {"action": "release", ACTION_CHECKBOX_NAME: [hold.pk]}
    client.post("/audit/legalhold/", chosen)
    hold.refresh_from_db()
    assert hold.released_by == world.admin.email


def test_what_the_fields_were_goes_with_the_event_that_tells_of_it(world: World) -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        old = create_project("Old", slug="old", actor=OPERATOR)
    seal()
    new = create_project("New", slug="new", actor=OPERATOR)
    seal()
    set_retention(90, actor=OPERATOR)
    retire_due(actor=SYSTEM)
    told = LogEntry.objects.filter(content_type__model="project").values_list("object_repr", flat=True)
    assert str(old) not in told
    assert str(new) in told
