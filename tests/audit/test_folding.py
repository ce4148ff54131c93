from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client

from audit import folding
from audit.actions import Action, Result
from audit.folding import WINDOW, close_folds, record_denial, record_folded
from audit.models import Event, Fold
from audit.proof.sealer import seal_everything
from audit.services import append, record
from audit.tasks import close_folds as task
from temps.celery_config import beat_schedule
from temps.lib import clock, ids
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Denied, Unavailable
from tests.audit.tampering import sql
from tests.machine import Machine

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-01")]
STRANGER = Actor.anonymous(address="192.0.2.66", user_agent="curl/8", request_id="r1")
LATER = WINDOW + timedelta(seconds=1)


@pytest.fixture
def travel() -> Iterator[Any]:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


def refuse(times: int = 1, actor: Actor = STRANGER, project: str = "", message: str = "no") -> None:
    for _ in range(times):
        record_denial(Denied(message, actor=actor, permission="secrets:reveal", project=project))


def told() -> list[int]:
    """How often each recorded denial came again, as the events say; 0 for the one that was recorded at once."""
    return [event.metadata.get("count", 0) for event in Event.objects.filter(result="denied").order_by("id")]


def test_the_first_is_recorded_at_once_and_the_rest_is_counted(travel: Any) -> None:
    refuse(42)
    assert told() == [0]
    travel.shift(LATER)
    assert close_folds() == 1
    assert told() == [0, 41]
    assert not Fold.objects.exists()


def test_a_flood_leaves_two_events(travel: Any) -> None:
    refuse(10_000)
    travel.shift(LATER)
    task()
    assert told() == [0, 9_999]


def test_the_telling_event_is_like_the_first_and_says_when(travel: Any) -> None:
    began = clock.now()
    refuse()
    travel.shift(timedelta(seconds=30))
    refuse(2, replace(STRANGER, user_agent="other", request_id="r2"))
    travel.shift(LATER)
    close_folds()
    last, first = Event.objects.order_by("-id")[:2]
    for name in ("operation", "result", "user_id", "ip_address", "resource_type", "resource_id", "project"):
        assert getattr(last, name) == getattr(first, name)
    until = clock.iso(began + timedelta(seconds=30))
    assert last.metadata == first.metadata | {
        "count": 2,
        "since": clock.iso(began),
        "until": until,
        "first": first.public_id,
    }
    assert (last.description, last.request_id, last.user_agent) == ("no … 2 more times", "", "")


@pytest.mark.parametrize(
    "other",
    [
        {"actor": replace(STRANGER, address="192.0.2.67")},
        {"actor": replace(STRANGER, label="someone@example.com")},
        {"actor": replace(STRANGER, credential=Credential(CredentialKind.API_KEY, id="key_1"))},
        {"project": "shop"},
        {"message": "no, not that"},
    ],
)
def test_what_differs_is_not_folded(travel: Any, other: dict[str, Any]) -> None:
    refuse()
    refuse(**other)
    assert told() == [0, 0]


def test_the_next_one_after_the_window_tells_and_begins_anew(travel: Any) -> None:
    refuse(3)
    travel.shift(LATER)
    refuse(2)
    assert told() == [0, 2, 0]
    travel.shift(LATER)
    close_folds()
    assert told() == [0, 2, 0, 1]


def test_nothing_is_told_within_the_window_or_of_what_never_came_again(travel: Any) -> None:
    refuse(5)
    assert close_folds() == 0
    assert Fold.objects.get().count == 4
    refuse(1, replace(STRANGER, address="192.0.2.67"))
    travel.shift(LATER)
    assert close_folds() == 1
    assert not Fold.objects.exists()


def test_many_counters_are_closed_in_batches(travel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "BATCH", 2)
    for number in range(5):
        refuse(2, replace(STRANGER, address=f"192.0.2.{number}"))
    travel.shift(LATER)
    assert close_folds() == 5
    assert not Fold.objects.exists()


def test_a_crash_while_telling_loses_no_count_and_tells_none_twice(travel: Any, monkeypatch: Any) -> None:
    def written_and_dead(event: Event) -> None:
        append(event)
        assert told() == [0, 3]
        raise SystemExit

    refuse(4)
    travel.shift(LATER)
    monkeypatch.setattr(folding, "append", written_and_dead)
    with pytest.raises(SystemExit):
        close_folds()
    monkeypatch.undo()
    assert told() == [0]
    assert (close_folds(), close_folds(), told()) == (1, 0, [0, 3])


def test_a_refusal_that_cannot_be_recorded_is_not_counted_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: Any, **_options: Any) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(folding, "record", fail)
        refuse()
    assert not Fold.objects.exists()
    refuse()
    assert told() == [0]


def test_a_count_outlives_the_first_event(travel: Any) -> None:
    refuse(3)
    Fold.objects.update(event=(gone := ids.new("evt")))
    travel.shift(LATER)
    close_folds()
    last = Event.objects.latest("id")
    assert (last.resource_id, last.metadata["count"], last.user_id) == (gone, 2, "audit.close_folds")


# Counters that somebody put into the database


def bend(**columns: Any) -> None:
    """Change the only counter as someone with the database alone could."""
    given = ", ".join(f'"{name}" = %s' for name in columns)
    sql(f"UPDATE audit_fold SET {given}", *columns.values())  # noqa: S608


BENT: list[dict[str, Any]] = [
    {"count": 2**62},
    {"count": 2**63 - 1},
    {"event": "root stole all the secrets!"},
    {"opened_at": "infinity"},
    {"opened_at": "-infinity"},
    {"opened_at": "9999-01-01 00:00:00.000001+00:00"},
    {"last_at": "infinity"},
    {"last_at": "2000-01-01 00:00:00.000001+00:00"},
]


@pytest.mark.promise("L-04")
@pytest.mark.parametrize("columns", BENT, ids=str)
def test_a_counter_that_makes_no_sense_is_dropped_and_stops_no_other(travel: Any, columns: dict[str, Any]) -> None:
    refuse(3)
    bend(**columns)
    refuse(3, replace(STRANGER, address="192.0.2.67"))
    travel.shift(LATER)
    assert close_folds() == 1
    assert (told(), Fold.objects.count()) == ([0, 0, 2], 0)


@pytest.mark.promise("L-04")
@pytest.mark.parametrize("columns", BENT, ids=str)
def test_a_counter_that_makes_no_sense_stops_no_refusal(travel: Any, columns: dict[str, Any]) -> None:
    refuse(3)
    bend(**columns)
    travel.shift(LATER)
    refuse(2)
    assert told() == [0, 0]
    assert Fold.objects.get().count == 1


@pytest.mark.promise("L-04")
def test_a_counter_from_the_future_swallows_nothing(travel: Any) -> None:
    refuse()
    bend(opened_at=clock.now() + timedelta(days=900))
    refuse(2)
    assert told() == [0, 0]


@pytest.mark.promise("L-04")
def test_a_first_event_that_cannot_be_read_is_as_gone(travel: Any) -> None:
    refuse(3)
    sql("UPDATE audit_event SET metadata = '[]'")
    travel.shift(LATER)
    assert close_folds() == 1
    last = Event.objects.latest("id")
    assert (last.metadata["count"], last.user_id) == (2, "audit.close_folds")


def test_a_success_is_never_folded() -> None:
    with pytest.raises(ValueError, match="each time"):
        record_folded(STRANGER, Action.USER_SIGN_IN, ("user", "u"), "in", result=Result.SUCCESS)


def test_what_the_telling_event_says_is_sealed(travel: Any, data_dir: Any) -> None:
    refuse(2)
    travel.shift(LATER)
    close_folds()
    seal_everything()
    assert not Event.objects.filter(position=None).exists()


def test_a_long_description_leaves_room_for_the_count(travel: Any) -> None:
    refuse(2, message="x" * 900)
    travel.shift(LATER)
    close_folds()
    assert Event.objects.latest("id").description.endswith("x … 1 more time")


@pytest.mark.promise("L-01")
def test_failed_sign_ins_are_folded(travel: Any, client: Client) -> None:
    for _ in range(3):
        client.post("/accounts/login/", {"login": "nobody@example.com", "password": "wrong"})
    travel.shift(LATER)
    close_folds()
    events = Event.objects.filter(operation=Action.USER_SIGN_IN, result="failure").order_by("id")
    assert [event.metadata.get("count") for event in events] == [None, 2]


def test_the_periodic_task_is_on_the_schedule() -> None:
    assert beat_schedule["audit.close_folds"]["task"] == task.name


HAMMER = """
import sys
import django
django.setup()
from audit.folding import record_denial
from temps.lib.actor import Actor
from temps.lib.errors import Denied
print("ready", flush=True)
sys.stdin.readline()
while True:
    record_denial(Denied("no", actor=Actor.anonymous(address="192.0.2.66"), permission="p"))
    print("done", flush=True)
"""


def test_processes_on_one_sqlite_file_lose_no_count_when_they_are_killed(tmp_path: Path) -> None:
    """Each says after each refusal that it has returned; killed at any moment, at most one of its own is unsaid."""
    machine = Machine(tmp_path, port=0)
    machine.temps("migrate")
    environment = machine.environment | {"DJANGO_SETTINGS_MODULE": "temps.settings"}
    command = [sys.executable, "-c", HAMMER]
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = 0
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline() == "done\n"
        process.kill()
        said += 20 + process.stdout.read().count("done\n")
        process.wait()
        process.stdin.close()  # type: ignore[union-attr]
        process.stdout.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "temps.sqlite3")) as database:
        (count,) = database.execute("SELECT count FROM audit_fold").fetchone()
        (recorded,) = database.execute("SELECT COUNT(*) FROM audit_event WHERE result = 'denied'").fetchone()
    assert recorded == 1
    assert said <= count + recorded <= said + len(processes)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_at_once_from_many_threads_no_count_is_lost() -> None:
    def hammer() -> None:
        refuse(25)
        connection.close()

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (told(), Fold.objects.get().count) == ([0], 99)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_who_close_at_once_tell_it_once(travel: Any) -> None:
    refuse(3)
    travel.shift(LATER)
    threads = [threading.Thread(target=lambda: (close_folds(), connection.close())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told() == [0, 2]


def test_a_count_goes_with_the_transaction_that_made_it() -> None:
    refuse()
    with transaction.atomic():
        refuse(5)
        transaction.set_rollback(True)
    assert Fold.objects.get().count == 0


def forge(**columns: object) -> str:
    """What somebody with the database alone makes of the first event of the fold; its description."""
    fold = Fold.objects.get()
    row = Event.objects.filter(public_id=fold.event)
    with connection.cursor() as cursor:
        for name, value in columns.items():
            cursor.execute(f"UPDATE audit_event SET {name} = %s WHERE public_id = %s", [value, fold.event])  # noqa: S608
    return row.get().description


@pytest.mark.promise("L-04")
@pytest.mark.parametrize(
    "columns",
    [
        {"description": "revealed API_URL", "user_email": "innocent@example.com"},
        {"metadata": '{"credential": "session", "eventId": "evt_other"}'},
        {"code": None},
    ],
)
def test_what_was_forged_is_not_told_again_under_our_code(travel: Any, columns: dict[str, object]) -> None:
    refuse(3)
    seal_everything()
    forge(**columns)
    travel.shift(LATER)
    assert close_folds() == 1
    again = Event.objects.latest("id")
    assert again.user_email != "innocent@example.com"
    assert again.description == "what was recorded as an entry that is gone by now … 2 more times"


@pytest.mark.promise("L-04")
def test_a_counter_put_onto_a_success_does_not_multiply_it(travel: Any) -> None:
    with transaction.atomic():
        done = record(Actor.operator(), Action.PROJECT_CREATE, ("project", "shop"), "created shop")
    Fold.objects.create(key="k" * 64, event=done.public_id, count=7)
    travel.shift(LATER)
    assert close_folds() == 1
    again = Event.objects.latest("id")
    assert (again.operation, again.result) == (Action.PERMISSION_CHECK, Result.DENIED)
    assert "created shop" not in again.description
