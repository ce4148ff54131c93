"""What someone does who can write to the database, and has neither keyring nor data directory."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from audit.models import Event
from temps.lib import ids


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def put_in(**columns: Any) -> str:
    """Put the oldest event in once more, unsealed and with other ``columns``; its public id."""
    names = [field.column for field in Event._meta.fields if field.name != "id"]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(names)} FROM audit_event ORDER BY id LIMIT 1")  # noqa: S608  no one's input
        row: dict[str, Any] = dict(zip(names, cursor.fetchone(), strict=True))
    row |= {"public_id": ids.new("evt"), "position": None, **columns}
    if not isinstance(row["metadata"], str):
        row["metadata"] = json.dumps(row["metadata"])
    marks = ", ".join(["%s"] * len(row))
    sql(f"INSERT INTO audit_event ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608
    return str(row["public_id"])
