from __future__ import annotations

import hashlib
import json
import stat
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from rest_framework.test import APIClient

from audit import tasks
from audit.actions import Action, Result
from audit.exporting import exports, writing
from audit.exporting.exports import continue_exports, file_of, open_export, run_export
from audit.models import Event, Export, ExportState
from audit.proof.sealer import seal_everything
from audit.services import record
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.crypto import Key, Keyring
from temps.lib.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from tests.audit.exporting.made import FIRST, LAST, SYSTEM, a_month, asked, exported, happened, proof_of, verified
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-06")]
URL = "/api/v1/audit/exports/"


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path) -> None:
    """Files of exports end up in a directory of the test's own."""


def finished(export: Export) -> dict[str, Any]:
    """The document that a run over ``export`` leaves."""
    assert run_export(export.public_id, actor=SYSTEM) is not None
    export.refresh_from_db()
    document: dict[str, Any] = json.loads(file_of(export).read_text())
    return document


def test_the_file_is_private_whole_and_says_its_sum() -> None:
    a_month(2)
    export = asked()
    finished(export)
    data = file_of(export).read_bytes()
    assert stat.S_IMODE(file_of(export).stat().st_mode) == 0o600
    assert (export.sha256, export.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (export.state, export.done, export.total, export.progress) == (ExportState.DONE, 3, 3, 100)


@pytest.mark.parametrize("file_format", ["ndjson", "csv", "cef", "ocsf"])
def test_the_proof_lies_beside_the_file_and_is_as_private(file_format: str) -> None:
    a_month(2)
    path = exported(file_format)
    assert stat.S_IMODE(proof_of(path).stat().st_mode) == 0o600
    assert {one.name for one in path.parent.iterdir()} == {path.name, f"{path.name}.proof.json"}


def test_an_entry_in_the_file_is_the_documented_one() -> None:
    a_month(1)
    assert finished(asked())["events"][0] == Event.objects.get(position=0).as_entry()


def test_chunks_join_without_loss_and_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK", 3)
    a_month(7)
    told: list[tuple[int, int]] = []
    export = asked()
    run_export(export.public_id, actor=SYSTEM, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 8), (3, 8), (6, 8), (8, 8)]
    assert json.loads(file_of(export).read_text())["count"] == 8


def test_a_log_that_cannot_be_sealed_is_not_exported(data_dir: Path) -> None:
    a_month(1)
    (data_dir / "encryption_key").write_text(Keyring((Key.generate(),)).dump())
    export = asked()
    run_export(export.public_id, actor=SYSTEM)
    export.refresh_from_db()
    assert (export.state, "encryption key" in export.error) == (ExportState.FAILED, True)
    assert not list((data_dir / "exports").glob("*")) if (data_dir / "exports").exists() else True


def test_memory_does_not_grow_with_the_number_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def peak(count: int) -> int:
        for _ in range(count):
            happened("2024-01-15T12:00:00", sealed=False, filling="x" * 500)
        seal_everything()
        export = asked()
        tracemalloc.start()
        run_export(export.public_id, actor=SYSTEM)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    monkeypatch.setattr(writing, "CHUNK", 100)
    peak(100)
    assert peak(1500) < 2 * peak(300)


def test_asking_and_downloading_are_recorded(world: World) -> None:
    actor = acting(world.admin)
    export = asked(actor)
    finished(export)
    open_export(export.public_id, actor=actor)[1].close()
    events = Event.objects.filter(resource_id=export.public_id).order_by("id")
    assert [event.operation for event in events] == [Action.AUDIT_EXPORT, Action.AUDIT_DOWNLOAD]


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("name", ["owner", "member", "developer", "platform_viewer", "nobody"])
def test_only_the_platform_s_permission_exports(world: World, name: str) -> None:
    with pytest.raises(Denied):
        asked(acting(getattr(world, name)))
    assert not Export.objects.exists()


def test_a_key_that_may_not_read_may_not_export(world: World) -> None:
    key = Credential(CredentialKind.API_KEY, scopes=frozenset({"audit:export"}))
    with pytest.raises(Denied):
        asked(acting(world.admin, key))


def test_another_administrator_does_not_get_the_file(world: World) -> None:
    export = asked()
    finished(export)
    with pytest.raises(NotFound):
        open_export(export.public_id, actor=acting(world.admin))


@pytest.mark.parametrize("start", [date.min, date(2024, 1, 1), date(2090, 1, 1)])
def test_any_date_of_the_calendar_works(start: date) -> None:
    a_month(1)
    assert verified(exported(start=start, end=date.max)).whole


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(Invalid):
        asked(start=LAST, end=FIRST)


def test_only_one_of_two_workers_gets_the_export() -> None:
    export = asked()
    assert run_export(export.public_id, actor=SYSTEM) is not None
    assert run_export(export.public_id, actor=SYSTEM) is None
    assert run_export("exp_unknown", actor=SYSTEM) is None


def left_running(export: Export, silent_for: timedelta, attempts: int = 1) -> None:
    """As a worker that was killed leaves it, with half a draft beside."""
    touched = datetime.now(UTC) - silent_for
    Export.objects.filter(pk=export.pk).update(
        state=ExportState.RUNNING, claim="dead", touched_at=touched, created_at=touched, attempts=attempts
    )
    file_of(export).parent.mkdir(exist_ok=True)
    file_of(export).with_name(f".{file_of(export).name}.dead").write_text('{"events":[')


def test_a_killed_worker_s_export_is_finished_by_the_next() -> None:
    a_month(1)
    export = asked()
    left_running(export, timedelta(minutes=5))
    assert not file_of(export).exists()
    tasks.continue_exports()
    export.refresh_from_db()
    assert (export.state, export.attempts) == (ExportState.DONE, 2)
    assert verified(file_of(export)).whole


def test_a_working_worker_is_left_alone() -> None:
    export = asked()
    left_running(export, timedelta(seconds=10))
    continue_exports(actor=SYSTEM)
    export.refresh_from_db()
    assert (export.state, export.claim) == (ExportState.RUNNING, "dead")


def test_a_lost_message_is_found() -> None:
    export = asked()
    continue_exports(actor=SYSTEM)
    assert not file_of(export).exists()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
        continue_exports(actor=SYSTEM)
    assert file_of(export).exists()


def test_an_export_that_kills_every_worker_is_given_up() -> None:
    export = asked()
    left_running(export, timedelta(minutes=5), attempts=exports.MAX_ATTEMPTS)
    continue_exports(actor=SYSTEM)
    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert "given up" in export.error
    assert Event.objects.filter(resource_id=export.public_id, result=Result.FAILURE).exists()


def test_a_worker_that_was_overtaken_leaves_the_file_of_the_other_alone() -> None:
    a_month(1)
    export = asked()

    def overtake(_done: int, _total: int) -> None:
        Export.objects.filter(pk=export.pk).update(claim="another")

    assert run_export(export.public_id, actor=SYSTEM, progress=overtake) is None
    assert list(file_of(export).parent.iterdir()) == []
    assert Export.objects.get(pk=export.pk).state == ExportState.RUNNING


def test_a_file_that_cannot_be_written_fails_with_the_reason(data_dir: Path) -> None:
    (data_dir / "exports").write_text("in the way")
    export = asked()
    run_export(export.public_id, actor=SYSTEM)
    export.refresh_from_db()
    assert (export.state, export.error) == (ExportState.FAILED, "the file could not be written: File exists")
    with pytest.raises(Conflict):
        open_export(export.public_id, actor=Actor.operator())


def test_files_are_removed_after_seven_days() -> None:
    export = asked(file_format="csv")
    run_export(export.public_id, actor=SYSTEM)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=6, hours=23)):
        continue_exports(actor=SYSTEM)
        assert file_of(export).exists()
    left_running(asked(), timedelta(0))
    with time_machine.travel(datetime.now(UTC) + timedelta(days=7, hours=1)):
        continue_exports(actor=SYSTEM)
    export.refresh_from_db()
    assert export.state == ExportState.EXPIRED
    assert not [
        path for path in file_of(export).parent.iterdir() if export.public_id in path.name or "dead" in path.name
    ]


def test_a_file_that_another_machine_wrote_is_unavailable_and_not_recorded() -> None:
    export = asked()
    finished(export)
    file_of(export).unlink()
    with pytest.raises(Unavailable), transaction.atomic():
        open_export(export.public_id, actor=Actor.operator())
    assert not Event.objects.filter(operation=Action.AUDIT_DOWNLOAD).exists()


Api = Callable[..., APIClient]


def test_over_the_api_from_asking_to_the_file(
    world: World, api: Api, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr("temps.celery.app.send_task", lambda task, args, retry: sent.append((task, args)))
    with django_capture_on_commit_callbacks(execute=True):
        answer = api(world.admin).post(URL, {"start_date": "2024-01-01", "end_date": "2030-01-01"})
    assert answer.status_code == 202
    public_id = answer.json()["id"]
    assert sent == [("audit.export", (public_id,))]
    tasks.export(public_id)
    shown = api(world.admin).get(f"{URL}{public_id}/").json()
    assert (shown["state"], shown["progress"]) == ("done", 100)
    file = api(world.admin).get(f"{URL}{public_id}/download/")
    assert file["Cache-Control"] == "no-store"
    assert file["Content-Disposition"].startswith("attachment")
    assert json.loads(b"".join(file.streaming_content))["exportId"] == public_id  # type: ignore[attr-defined]


def test_exports_of_others_are_not_found(world: World, api: Api) -> None:
    export = asked()
    finished(export)
    client = api(world.admin)
    assert client.get(URL).json()["results"] == []
    for path in (f"{URL}{export.public_id}/", f"{URL}{export.public_id}/download/", f"{URL}exp_none/"):
        assert client.get(path).status_code == 404
    assert api(world.owner).get(f"{URL}{export.public_id}/download/").status_code == 403


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"start_date": "2024-01-01"},
        {"start_date": "2024-02-30", "end_date": "2024-03-01"},
        {"start_date": "2024-03-02", "end_date": "2024-03-01"},
        {"start_date": "2024-01-01", "end_date": "2024-03-01", "format": "../../etc"},
    ],
)
def test_wrong_requests_are_refused_and_leave_nothing(world: World, api: Api, given: dict[str, str]) -> None:
    answer = api(world.admin).post(URL, given)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Export.objects.exists()


def export_command(*more: str) -> None:
    call_command("audit", "export", "--start-date", "2024-01-01", "--end-date", "2024-12-31", "--format", "json", *more)


def test_the_command_writes_the_file_and_prints_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    a_month(1)
    export_command()
    path = Path(capsys.readouterr().out.strip())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["startDate"] == "2024-01-01"


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (("2024-01-15", "2024-01-15"), "3 entries of these days"),
        (("2024-01-01", "2024-01-10"), "0 entries of these days; 1 shares a checkpoint with them"),
        (("2025-01-01", "2025-12-31"), "0 entries of these days\n"),
    ],
)
def test_the_command_counts_the_entries_of_the_days(
    days: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    a_month(3)
    with time_machine.travel("2024-02-02T00:00:00Z"):
        call_command("audit", "export", "--start-date", days[0], "--end-date", days[1])
    assert said in capsys.readouterr().err


def test_the_command_never_replaces_a_file(tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text("mine")
    with pytest.raises(CommandError, match="exists already"):
        export_command("--file", str(there))
    with pytest.raises(CommandError, match="no directory"):
        export_command("--file", str(tmp_path / "no" / "such.json"))
    export_command("--file", str(tmp_path / "new.json"))
    assert there.read_text() == "mine"
    assert verified(tmp_path / "new.json").whole


def test_the_command_never_replaces_a_proof_either(tmp_path: Path) -> None:
    (tmp_path / "new.csv.proof.json").write_text("mine")
    with pytest.raises(CommandError, match="exists already"):
        export_command("--file", str(tmp_path / "new.csv"), "--format", "csv")
    assert [one.name for one in tmp_path.glob("new*")] == ["new.csv.proof.json"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(("--format", "xml"), "json"), (("--end-date", "soon"), "2024-01-31"), (("--as", "x@y.z"), "x@y.z")],
)
def test_the_command_says_what_is_wrong(wrong: tuple[str, str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        export_command(*wrong)


def test_events_recorded_while_the_file_is_written_are_not_in_it() -> None:
    def record_more(_done: int, _total: int) -> None:
        with transaction.atomic():
            record(Actor.operator(), Action.SETTINGS_UPDATE, ("thing", "late"), "too late")

    export = asked(start=date(2024, 1, 1), end=date.max)
    run_export(export.public_id, actor=SYSTEM, progress=record_more)
    document = json.loads(file_of(export).read_text())
    assert "late" not in {entry["resourceId"] for entry in document["events"]}
    assert document["count"] == len(document["events"])


def test_entries_that_are_removed_meanwhile_make_the_export_fail() -> None:
    a_month(4)

    def remove(_done: int, _total: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM audit_event WHERE position = 2")

    export = asked()
    run_export(export.public_id, actor=SYSTEM, progress=remove)
    export.refresh_from_db()
    assert (export.state, "ask for the export again" in export.error) == (ExportState.FAILED, True)
    assert list(file_of(export).parent.iterdir()) == []
