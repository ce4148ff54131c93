from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from audit import triggers
from audit.models import Event
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-03")]


@pytest.fixture
def event(world: World) -> Event:
    """An event of the world, with the triggers in place (the test run drops them: it empties its tables)."""
    triggers.install()
    return Event.objects.earliest("id")


def refused(statement: str, *values: object) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_raw_sql_cannot_change_an_event(event: Event) -> None:
    refused("UPDATE audit_event SET description = 'nothing happened' WHERE id = %s", event.pk)
    event.refresh_from_db()
    assert event.description != "nothing happened"


def test_raw_sql_cannot_delete_events(event: Event) -> None:
    before = Event.objects.count()
    refused("DELETE FROM audit_event WHERE id = %s", event.pk)
    refused("DELETE FROM audit_event")
    assert Event.objects.count() == before


def test_an_insert_cannot_take_the_place_of_an_event(event: Event) -> None:
    columns = ", ".join(field.column for field in Event._meta.fields)
    same = f"INTO audit_event ({columns}) SELECT {columns} FROM audit_event WHERE id = {event.pk:d}"  # noqa: S608
    if connection.vendor == "sqlite":
        refused(f"INSERT OR REPLACE {same}")
    else:
        refused(f"INSERT {same} ON CONFLICT (id) DO UPDATE SET description = 'nothing happened'")


@pytest.mark.postgresql
def test_truncate_cannot_empty_the_log(event: Event) -> None:
    refused("TRUNCATE audit_event CASCADE")


def test_events_are_still_written_with_the_triggers_in_place(event: Event, world: World) -> None:
    from projects.services import create_project

    before = Event.objects.count()
    create_project("Another", actor=world.operator)
    assert Event.objects.count() == before + 1


def test_the_triggers_are_put_back_after_every_migration() -> None:
    from django.apps import apps
    from django.db.models.signals import post_migrate

    apps.get_app_config("audit").ready()
    try:
        audit = apps.get_app_config("audit")
        assert triggers.install in [receiver for found in post_migrate._live_receivers(audit) for receiver in found]
    finally:
        post_migrate.disconnect(sender=audit, dispatch_uid="audit.triggers")
