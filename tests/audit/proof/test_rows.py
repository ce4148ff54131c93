"""The quick way of reading entries gives what the ordinary one gives."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from audit.models import Event
from audit.proof.rows import entry, read

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04")]

TIMES = [
    datetime(2024, 3, 1, 9, 30, tzinfo=UTC),
    datetime(2024, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2024, 3, 31, 1, 0, 0, 1, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
]
METADATA = [
    {},
    {"a": 1, "b": None, "c": [True, {"d": "e"}]},
    {"text": 'quote " backslash \\ newline \n and \u20ac \U0001f600'},
    {"numbers": [0.5, -3, 9007199254740991, 1e-7]},
]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("metadata", METADATA)
def test_both_ways_give_the_same_entry(time: datetime, metadata: dict[str, object]) -> None:
    event = Event.objects.create(
        timestamp=time,
        actor_kind="user",
        user_id="usr_1",
        user_email="admin@example.com",
        ip_address="2001:db8::1",
        user_agent='"; DROP TABLE',
        operation="USER_UPDATE",
        resource_type="user",
        resource_id="usr_2",
        description="changed \u20ac",
        metadata=metadata,
        result="success",
    )
    ((key, *columns),) = read(Event.objects.all(), "id")
    assert key == event.pk
    assert entry(columns) == Event.objects.get().as_entry() == event.as_entry()


@pytest.mark.parametrize("text", ["2024-03-01", "2024-03-01 09:30:00.5", "2024-03-01T09:30:00.000001", "", "x" * 26])
def test_a_time_that_django_does_not_write_is_none(text: str) -> None:
    if connection.vendor == "postgresql":
        return  # has a type for times
    Event.objects.create(operation="USER_UPDATE", result="success")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET timestamp = %s", [text])
    with pytest.raises(ValueError, match="not a time"):
        entry(read(Event.objects.all())[0])


@pytest.mark.parametrize("name", ["eventId", "requestId", "project", "actorKind"])
def test_metadata_cannot_hide_behind_what_the_entry_adds(name: str) -> None:
    Event.objects.create(operation="USER_UPDATE", result="success", metadata={name: ""})
    with pytest.raises(ValueError, match="a name that the entry adds"):
        entry(read(Event.objects.all())[0])
