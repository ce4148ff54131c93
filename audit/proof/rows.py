"""Reading many entries quickly: for sealing, verifying and exporting, where a million of them are read.

The columns are fetched as text, past the conversions of Django and the driver, which cost more than all the hashing.
What the text says is exactly what the ordinary way would give (``tests/audit/proof/test_rows.py``); text that the
ordinary way would not accept is no entry that Temps wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import orjson
from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connection
from django.db.models import F, Func, QuerySet, TextField
from django.db.models.functions import Cast
from django.db.models.sql import Query

from audit.models import ENTRY_COLUMNS, Event, entry_in_text

Row = tuple[Any, ...]
ADDED = frozenset({"eventId", "requestId", "project", "actorKind"})
"""What the entry adds to the metadata: stored under the same name, something else could hide behind it."""


class _Instant(Func):
    """A time in UTC, as text."""

    template = "%(expressions)s || ''"  # an expression, for which SQLite's driver knows no conversion
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **_options: Any) -> Any:
        template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        return self.as_sql(compiler, connection, template=template)


def read(events: QuerySet[Event], *first: str) -> list[Row]:
    """The columns ``first`` of each event, as the driver gives them, then those of its entry as :func:`entry` takes
    them."""
    texts = {"timestamp": _Instant(F("timestamp")), "metadata": Cast("metadata", TextField())}
    named = {f"{name}_text": expression for name, expression in texts.items()}
    columns = [f"{name}_text" if name in texts else name for name in ENTRY_COLUMNS]
    query = events.annotate(**named).values_list(*first, *columns).query
    try:
        return _rows(query)
    except OperationalError:
        if connection.vendor != "sqlite":
            raise
    # SQLite keeps bytes that are no text in a column of text: what stands in their place fits no hash, and is named.
    with _whatever_it_says():
        return _rows(query)


def _rows(query: Query) -> list[Row]:
    try:
        statement = query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return cast("list[Row]", cursor.fetchall())


@contextmanager
def _whatever_it_says() -> Iterator[None]:
    connection.connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        yield
    finally:
        connection.connection.text_factory = str


def entry(columns: Sequence[Any]) -> dict[str, Any]:
    """The entry of one row. Raises :class:`ValueError` or :class:`TypeError` for what Temps never wrote."""
    timestamp, *before, metadata, result, public_id, request_id, project = columns
    instant = timestamp if timestamp[-1:] == "Z" else _from_sqlite(timestamp)
    details = orjson.loads(metadata)
    if not ADDED.isdisjoint(details):
        raise ValueError("stored metadata has a name that the entry adds")
    return entry_in_text(*(instant, *before, details, result, public_id, request_id, project))


def _from_sqlite(text: str) -> str:
    """``2024-03-01 09:30:00.000001``, where a fraction of zero is left out, as RFC 3339."""
    if len(text) == 19:
        text += ".000000"
    if len(text) != 26 or text[10] != " " or text[19] != ".":
        raise ValueError("this is not a time as Django writes it")
    return f"{text[:10]}T{text[11:]}Z"
