"""The INSERT of one event, put together once: every change in Temps makes one, and Django would compile it each time,
which is a third of what recording costs."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from django.db import connections, transaction
from django.db.models import CharField

from audit.models import Event

DATABASE = "default"
FIELDS = [field for field in Event._meta.local_concrete_fields if not field.primary_key]
VALUES = attrgetter(*(field.attname for field in FIELDS))
ADAPTED = [(place, field) for place, field in enumerate(FIELDS) if not isinstance(field, CharField)]
"""Text goes to every database as it is; how it takes times, JSON and bytes is for the field to say."""
STATEMENT = (
    f"INSERT INTO {Event._meta.db_table} ({', '.join(str(field.column) for field in FIELDS)}) "  # noqa: S608  our own names
    f"VALUES ({', '.join(['%s'] * len(FIELDS))}) RETURNING id"
)


def insert(event: Event) -> None:
    """Store ``event``, which is new, and let it know its key.

    Raises what the database raises; the transaction can then only roll back, whoever catches it.
    """
    connection = connections[DATABASE]
    values: list[Any] = list(VALUES(event))
    for place, field in ADAPTED:
        values[place] = field.get_db_prep_save(values[place], connection)
    with transaction.mark_for_rollback_on_error(DATABASE), connection.cursor() as cursor:
        cursor.execute(STATEMENT, values)
        [event.pk] = cursor.fetchone()
    event._state.adding, event._state.db = False, DATABASE
