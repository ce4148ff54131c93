from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from audit.actions import Action, Result
from audit.folding import record_denial
from audit.models import AppendOnly, Event
from audit.services import METADATA_LIMIT, record
from projects.models import Project
from projects.services import create_project, update_project
from temps.lib.actor import Actor, ActorKind, Credential, CredentialKind
from temps.lib.errors import Denied, Invalid, Unavailable
from tests.world import World, acting

pytestmark = pytest.mark.django_db


@pytest.fixture
def unwritable(db: None) -> None:
    """The database refuses new events, as it would with a full disk or a role that lost its rights."""
    body = (
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        if connection.vendor == "sqlite"
        else "FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TRIGGER unwritable BEFORE INSERT ON audit_event {body}")


def written(actor: Actor | None = None, **given: Any) -> Event:
    """One event with nothing remarkable about it but ``given``."""
    options = {"target": ("thing", "t1"), "description": "did it"} | given
    with transaction.atomic():
        return record(actor or Actor.operator(), Action.SETTINGS_UPDATE, **options)


@pytest.mark.promise("L-01")
def test_an_operation_outside_the_vocabulary_cannot_be_recorded() -> None:
    with pytest.raises(ValueError, match="MADE_UP"), transaction.atomic():
        record(Actor.operator(), "MADE_UP", ("thing", "t1"), "did it")  # type: ignore[arg-type]
    assert not Event.objects.exists()


@pytest.mark.promise("L-01")
def test_the_vocabulary_is_documented_word_for_word() -> None:
    page = (Path(settings.BASE_DIR) / "docs/audit.md").read_text()
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)) == {action.value for action in Action}


@pytest.mark.promise("L-02")
def test_an_entry_has_the_documented_fields_and_no_other(world: World) -> None:
    actor = acting(world.admin, Credential(CredentialKind.API_KEY, id="key_1"))
    entry = written(actor, metadata={"count": 2}, project="shop").as_entry()
    metadata = entry.pop("metadata")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry.pop("timestamp"))
    assert entry == {
        "userId": world.admin.public_id,
        "userEmail": "admin@example.com",
        "ipAddress": "192.0.2.10",
        "userAgent": "",
        "operation": "SETTINGS_UPDATE",
        "resourceType": "thing",
        "resourceId": "t1",
        "description": "did it",
        "result": "success",
    }
    assert metadata.pop("eventId").startswith("evt_")
    assert metadata == {
        "requestId": "test-request",
        "project": "shop",
        "credential": "api_key",
        "credentialId": "key_1",
        "actorKind": "user",
        "count": 2,
    }


def test_an_operator_is_named_without_passing_for_an_email() -> None:
    event = written(Actor(ActorKind.OPERATOR, id="operator", label="operator (root@corp)"))
    assert event.user_email == ""
    assert event.metadata["actor"] == "operator (root@corp)"


@pytest.mark.promise("L-03")
def test_outside_a_transaction_nothing_is_recorded(transactional_db: None) -> None:
    with pytest.raises(RuntimeError):
        record(Actor.operator(), Action.SETTINGS_UPDATE, ("thing", "t1"), "did it")
    assert not Event.objects.exists()


@pytest.mark.promise("L-03")
def test_a_change_that_cannot_be_recorded_does_not_happen(world: World, unwritable: None) -> None:
    with pytest.raises(Unavailable):
        create_project("Lost", actor=world.operator)
    assert not Project.objects.filter(slug="lost").exists()


@pytest.mark.promise("L-03")
def test_nobody_commits_the_change_by_ignoring_that_it_was_not_recorded(world: World, unwritable: None) -> None:
    with transaction.atomic():
        Project.objects.create(name="Unseen", slug="unseen")
        with contextlib.suppress(Unavailable):
            record(acting(world.owner), Action.SETTINGS_UPDATE, ("thing", "t1"), "did it")
    assert not Project.objects.filter(slug="unseen").exists()


@pytest.mark.promise("L-03")
def test_the_api_answers_503_and_changes_nothing(world: World, unwritable: None, api: Any) -> None:
    answer = api(world.admin).post("/api/v1/projects/", {"name": "Lost"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "disk full" not in answer.content.decode()
    assert not Project.objects.filter(slug="lost").exists()


@pytest.mark.promise("L-03")
def test_history_outlives_what_it_describes(world: World) -> None:
    world.project.delete()
    world.owner.delete()
    assert Event.objects.filter(project="shop", operation=Action.PROJECT_CREATE).exists()


@pytest.mark.promise("L-01")
def test_a_denial_is_recorded(world: World) -> None:
    record_denial(Denied("no", actor=acting(world.nobody), permission="secrets:reveal"))
    event = Event.objects.get(result=Result.DENIED)
    assert (event.operation, event.resource_id) == ("PERMISSION_CHECK", "secrets:reveal")


def test_a_denial_that_cannot_be_recorded_stays_a_denial(world: World, unwritable: None, api: Any) -> None:
    assert api(world.nobody).get("/api/v1/audit/events/").status_code == 403
    assert not Event.objects.filter(result=Result.DENIED).exists()


@pytest.mark.promise("L-02")
def test_nobody_forges_lines_with_control_characters() -> None:
    agent = "curl\r\n2026 USER_SIGN_IN admin\x1b[2J\x00\u202e\ud800"
    event = written(
        Actor(ActorKind.ANONYMOUS, user_agent=agent, address="192.0.2.1"),
        target=("thing\n", "a\x00b"),
        description="line\nline",
        metadata={"na\nme": ["x\x00y", {"z": "\ud800"}]},
    )
    event.refresh_from_db()
    everything = "".join(map(str, event.as_entry().values()))
    assert everything.isprintable()
    assert (event.resource_id, event.description) == ("a b", "line line")


def test_what_is_too_long_for_a_column_is_cut_and_not_refused() -> None:
    actor = Actor(ActorKind.USER, id="u" * 300, label="e@" + "x" * 300, user_agent="a" * 9000, request_id="r" * 99)
    event = written(actor, target=("t" * 99, "i" * 999), description="d" * 9999, project="p" * 99)
    event.refresh_from_db()
    assert len(event.description) == 500
    assert len(event.user_agent) == 512


def test_a_change_too_large_to_be_told_of_is_refused_and_undone(world: World) -> None:
    with pytest.raises(Invalid, match="smaller parts"):
        written(metadata={f"field-{number}": "x" * 900 for number in range(METADATA_LIMIT // 800)})
    assert not Event.objects.filter(operation=Action.SETTINGS_UPDATE).exists()


def test_the_largest_description_of_a_project_fits(world: World) -> None:
    for letter in "🦆🦉":
        update_project(world.project, description=letter * 500, actor=world.operator)
    assert Event.objects.filter(operation=Action.PROJECT_UPDATE).count() == 2


@pytest.mark.parametrize("metadata", [{"at": object()}, {"raw": b"bytes"}, {"ratio": float("nan")}])
def test_metadata_is_plain_json(metadata: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        written(metadata=metadata)


@pytest.mark.parametrize("name", ["eventId", "project", "credential", "actor"])
def test_a_caller_cannot_set_what_the_log_says_itself(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        written(metadata={name: "forged"})


@pytest.mark.promise("L-03")
def test_events_are_neither_changed_nor_deleted_by_our_own_code() -> None:
    event = written()
    for attempt in (event.save, event.delete, Event.objects.all().delete, lambda: Event.objects.update(result="x")):
        with pytest.raises(AppendOnly):
            attempt()
