"""Before and after in the event: of what changed, of nothing else, and never too much."""

from __future__ import annotations

import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection, transaction

from accounts.services import create_user, set_active, set_password
from audit.actions import Action
from audit.diffs.sealed import TOO_LONG
from audit.folding import record_denial
from audit.masking import MASK
from audit.models import Event
from audit.services import METADATA_LIMIT, record
from firewall.services import block, remove_rule
from projects.models import Project
from projects.services import create_project, delete_project, update_project
from rbac.services import assign_role
from secrets_vault.services import set_variable
from temps.lib.actor import Actor
from temps.lib.errors import Denied, Invalid, Unavailable
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-02")]


def newest(operation: Action) -> Any:
    return Event.objects.filter(operation=operation).latest("id")


def test_a_change_is_told_field_by_field(world: World) -> None:
    update_project(world.project, name="Store", actor=acting(world.owner))
    assert newest(Action.PROJECT_UPDATE).metadata["changes"] == {"name": ["Shop", "Store"]}


def test_what_stayed_the_same_is_not_told(world: World) -> None:
    update_project(world.project, name="Shop", actor=world.operator)
    assert "changes" not in newest(Action.PROJECT_UPDATE).metadata


def test_a_creation_tells_what_was_given_and_a_deletion_what_was_lost(world: World) -> None:
    rule = block("198.51.100.0/24", reason="scanner", project=world.project, actor=world.operator)
    made = newest(Action.IP_RULE_CREATE).metadata["changes"]
    assert made["network"] == [None, "198.51.100.0/24"]
    assert made["project"] == [None, "shop"]
    assert "expires_at" not in made
    remove_rule(rule, actor=world.operator)
    assert newest(Action.IP_RULE_DELETE).metadata["changes"]["reason"] == ["scanner", None]


def test_types_stay_what_they_are(world: World) -> None:
    set_active(world.viewer, False, actor=world.operator)
    assert newest(Action.USER_UPDATE).metadata["changes"] == {"is_active": [True, False]}


def test_what_changed_beside_the_object_is_told_with_its_own_name(world: World) -> None:
    grant = assign_role(world.viewer, "member", project=world.project, actor=world.operator)
    assert newest(Action.ROLE_ASSIGN).metadata["alsoChanged"] == [
        {"resourceType": "grant", "resourceId": grant.public_id, "changes": {"role": ["viewer", "member"]}}
    ]


def test_a_password_is_said_to_have_changed(world: World) -> None:
    set_password(world.viewer, "quite another phrase 77", actor=world.operator)
    assert newest(Action.USER_PASSWORD_CHANGE).metadata["changes"] == {"password": [MASK, MASK]}


def test_a_value_of_a_variable_is_not_in_the_diff(world: World) -> None:
    set_variable(world.project, "API_KEY", "hunter2-hunter2", encrypted=False, actor=world.operator)
    assert "hunter2" not in json.dumps(newest(Action.SECRET_CREATE).metadata)
    assert not LogEntry.objects.filter(changes__icontains="hunter2").exists()


def test_each_event_of_a_transaction_tells_its_own(world: World) -> None:
    with transaction.atomic():
        user = create_user("fresh@example.com", role="viewer", actor=world.operator)
    assert newest(Action.USER_CREATE).metadata["changes"]["email"] == [None, user.email]
    assert "changes" not in newest(Action.ROLE_ASSIGN).metadata
    assert newest(Action.ROLE_ASSIGN).metadata["alsoChanged"][0]["changes"]["role"] == [None, "viewer"]


def test_what_was_rolled_back_is_told_by_no_later_event(world: World) -> None:
    with pytest.raises(Invalid):
        create_project("Half", environments=["good", "not good"], actor=world.operator)
    with transaction.atomic():
        record(world.operator, Action.SETTINGS_UPDATE, ("thing", "t1"), "something else")
    assert "alsoChanged" not in newest(Action.SETTINGS_UPDATE).metadata
    assert not LogEntry.objects.filter(object_pk="half").exists()


def test_what_another_transaction_left_is_told_by_no_later_event(transactional_db: None) -> None:
    with transaction.atomic():
        Project.objects.create(slug="silent", name="Silent")
    with transaction.atomic():
        record(Actor.operator(), Action.SETTINGS_UPDATE, ("thing", "t1"), "something else")
    assert "alsoChanged" not in newest(Action.SETTINGS_UPDATE).metadata


def test_nothing_long_makes_a_change_fail(world: World) -> None:
    actor = acting(world.admin)
    for letter in "🦆🦉":
        update_project(world.project, name=letter * 120, description=letter * 500, actor=actor)
    event = newest(Action.PROJECT_UPDATE)
    assert len(json.dumps(event.metadata, ensure_ascii=False).encode()) <= METADATA_LIMIT
    assert event.metadata["changes"]["description"] == [TOO_LONG, TOO_LONG]


def test_a_deletion_with_hundreds_of_objects_fits(world: World) -> None:
    for number in range(60):
        set_variable(world.project, f"KEY_{number}", "v", actor=world.operator)
    delete_project(world.project, actor=world.operator)
    metadata = newest(Action.PROJECT_DELETE).metadata
    assert metadata["changes"]["name"] == ["Shop", None]
    assert metadata["alsoChangedCount"] > 60
    assert len(metadata["alsoChanged"]) <= 10


def test_a_refusal_takes_no_diff_from_around_it(world: World) -> None:
    with transaction.atomic():
        world.project.name = "Renamed"
        world.project.save()
        record_denial(Denied("no", actor=acting(world.nobody), permission="audit:read"))
        record(world.operator, Action.PROJECT_UPDATE, world.project, "renamed")
    assert "alsoChanged" not in newest(Action.PERMISSION_CHECK).metadata
    assert newest(Action.PROJECT_UPDATE).metadata["changes"] == {"name": ["Shop", "Renamed"]}


@pytest.mark.parametrize("name", ["changes", "alsoChanged", "alsoChangedCount"])
def test_a_caller_cannot_make_up_a_diff(world: World, name: str) -> None:
    with pytest.raises(ValueError, match=name), transaction.atomic():
        record(world.operator, Action.SETTINGS_UPDATE, ("thing", "t1"), "did it", metadata={name: {}})


def test_the_rows_of_auditlog_carry_the_request_and_the_event(world: World) -> None:
    update_project(world.project, name="Store", actor=acting(world.owner))
    row, event = LogEntry.objects.latest("id"), newest(Action.PROJECT_UPDATE)
    assert (row.cid, row.additional_data) == (event.request_id, {"event": event.public_id})
    assert (row.object_pk, row.actor, row.remote_addr) == ("shop", None, None)


def test_they_carry_the_id_that_the_request_was_answered_with(world: World, signed_in: Any) -> None:
    form = {"name": "Store", "description": ""}
    answer = signed_in(world.admin).post(f"/projects/project/{world.project.pk}/change/", form)
    row = LogEntry.objects.get(object_pk="shop", changes__has_key="name", action=LogEntry.Action.UPDATE)
    assert (answer.status_code, row.cid) == (302, answer["X-Request-Id"])
    assert newest(Action.PROJECT_UPDATE).request_id == row.cid


def test_a_command_has_an_id_of_its_own(world: World) -> None:
    update_project(world.project, name="Store", actor=world.operator)
    assert LogEntry.objects.latest("id").cid == world.operator.request_id


def test_history_stays_when_its_object_goes(world: World) -> None:
    before = LogEntry.objects.filter(object_pk="shop").count()
    delete_project(world.project, actor=world.operator)
    assert LogEntry.objects.filter(object_pk="shop").count() == before + 1


@pytest.mark.promise("L-03")
def test_a_change_whose_diff_cannot_be_written_does_not_happen(world: World) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            body = "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        else:
            body = "FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()"
        cursor.execute(f"CREATE TRIGGER full_disk BEFORE INSERT ON auditlog_logentry {body}")
    with pytest.raises(Unavailable):
        update_project(world.project, name="Store", actor=world.operator)
    assert Project.objects.get(slug="shop").name == "Shop"
