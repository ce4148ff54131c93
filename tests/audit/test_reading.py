from __future__ import annotations

from datetime import timedelta

import pytest

from audit.actions import Action
from audit.models import Event
from audit.reading import event_by_id, narrowed, parse_time, visible_events
from projects.services import create_project, delete_project
from rbac.services import assign_role
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Invalid, NotFound
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-05")]


def projects_seen(actor: Actor) -> set[str]:
    return set(visible_events(actor).values_list("project", flat=True))


def test_the_platform_s_reader_sees_everything(world: World) -> None:
    assert projects_seen(acting(world.admin)) == {"", "shop", "other"}
    assert visible_events(world.operator).count() == Event.objects.count()


def test_a_project_s_reader_sees_that_project_alone(world: World) -> None:
    assert projects_seen(acting(world.owner)) == {"shop"}
    assert projects_seen(acting(world.outsider)) == {"other"}


@pytest.mark.parametrize("name", ["member", "viewer", "nobody", "developer", "platform_viewer"])
def test_without_the_permission_there_is_nothing_to_see(world: World, name: str) -> None:
    assert projects_seen(acting(getattr(world, name))) == set()
    assert not visible_events(Actor.anonymous()).exists()


def test_a_role_in_one_environment_does_not_open_the_whole_project(world: World) -> None:
    assign_role(world.nobody, "admin", project=world.project, environment=world.production, actor=world.operator)
    assert projects_seen(acting(world.nobody)) == set()


def test_a_key_without_the_scope_reads_nothing(world: World) -> None:
    credential = Credential(CredentialKind.API_KEY, scopes=frozenset({"projects:read"}))
    assert projects_seen(acting(world.admin, credential)) == set()


def test_taking_over_the_name_of_a_project_does_not_open_its_history(world: World) -> None:
    delete_project(world.project, actor=world.operator)
    again = create_project("Shop", actor=world.operator)
    assign_role(world.nobody, "owner", project=again, actor=world.operator)
    seen = visible_events(acting(world.nobody)).values_list("operation", flat=True)
    assert sorted(seen) == [Action.PROJECT_CREATE, Action.ROLE_ASSIGN]
    assert Event.objects.filter(project="shop", operation=Action.PROJECT_DELETE).exists()


def test_an_event_of_another_project_is_no_event(world: World) -> None:
    event = Event.objects.filter(project="shop").earliest("id")
    assert event_by_id(event.public_id, actor=acting(world.owner)) == event
    with pytest.raises(NotFound):
        event_by_id(event.public_id, actor=acting(world.outsider))


def test_filters_narrow_together(world: World) -> None:
    create_project("Mine", actor=acting(world.developer))
    rows = narrowed(Event.objects.all(), user="DEVELOPER@example.com", operation="project_create", since="1h")
    assert [event.project for event in rows] == ["mine"]
    assert [event.project for event in narrowed(rows, text="MINE", result="success", project="mine")] == ["mine"]
    assert not narrowed(rows, result="denied").exists()
    assert narrowed(Event.objects.all(), user=world.developer.public_id).get().project == "mine"


def test_a_misspelt_operation_is_answered_with_what_is_close() -> None:
    with pytest.raises(Invalid, match="perhaps DEPLOYMENT_CREATE") as caught:
        narrowed(Event.objects.all(), operation="DEPLOYMENT_CREAT")
    assert caught.value.field == "operation"


@pytest.mark.parametrize("wrong", ["yesterday", "2h2h", "-2h", "9999999d", "999999w", "2024-02-30", "", " "])
def test_a_time_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid):
        parse_time(wrong, field="since")


def test_times_are_ago_or_iso_in_utc() -> None:
    assert timedelta(hours=1, minutes=59) < clock.now() - parse_time("2h", field="since") < timedelta(hours=2, minutes=1)
    assert parse_time("2024-01-31", field="since").isoformat() == "2024-01-31T00:00:00+00:00"
    assert parse_time("2024-01-31T12:00:00+02:00", field="since").isoformat() == "2024-01-31T10:00:00+00:00"


@pytest.mark.parametrize("text", ["x" * 201, "a\0b"])
def test_a_filter_that_no_database_should_see_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        narrowed(Event.objects.all(), text=text)


@pytest.mark.parametrize("text", ["%", "_", "'; DROP TABLE audit_event; --", "\\"])
def test_a_search_text_is_text_and_no_pattern(world: World, text: str) -> None:
    assert not narrowed(Event.objects.filter(operation=Action.PROJECT_CREATE), text=text).exists()
