"""Rows that take many queries to make: made once by the services, then put back as they were for each test.

They are put back only where making them anew would give the same: beside the same rows, under the same keyring, and at
about the same time. Otherwise they are made anew.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import connection, transaction

from temps.lib import clock

FRESH = timedelta(minutes=30)

T = TypeVar("T")
Rows = dict[str, list[tuple[Any, ...]]]
"""By table."""


@dataclass
class _Made(Generic[T]):
    answer: T
    rows: Rows
    before: dict[str, int]
    """How many rows each of the tables had before."""
    around: object
    at: datetime


class Kept(Generic[T]):
    """Calls ``make``, which adds rows and changes none, as seldom as possible."""

    def __init__(self, make: Callable[[], T]) -> None:
        self.make = make
        self._made: _Made[T] | None = None

    def __call__(self) -> T:
        made = self._made
        if made is None or made.around != _around():
            return self._make()
        if abs(clock.now() - made.at) > FRESH or _counts(made.rows) != made.before:
            return self.make()
        with transaction.atomic(), connection.cursor() as cursor:
            for table, rows in made.rows.items():
                places = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608  the database's own
        return copy.deepcopy(made.answer)

    def _make(self) -> T:
        before, around = _everything(), _around()
        answer = self.make()
        after = _everything()
        added = {table: [row for row in after[table] if row not in rows] for table, rows in before.items()}
        rows = {table: rows for table, rows in added.items() if rows}
        counts = {table: len(before[table]) for table in rows}
        self._made = _Made(copy.deepcopy(answer), rows, counts, around, clock.now())
        return answer


def _everything() -> Rows:
    found: Rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608  the database's own names
            found[table] = [tuple(map(_as_given, row)) for row in cursor.fetchall()]
    return found


def _as_given(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _counts(tables: Rows) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables))  # noqa: S608
        return dict(zip(tables, cursor.fetchone(), strict=True))


def _around() -> object:
    """What else rows depend on: the keyring, and the content types, which a transactional test makes anew."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM django_content_type")
        return settings.ENCRYPTION_KEY_FILE, connection.vendor, cursor.fetchone()
