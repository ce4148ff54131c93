"""Everything that is stored, for tests which show that nothing was changed."""

from __future__ import annotations

from pathlib import Path

from django.db import connection

Stored = dict[str, list[str]]


def everything(data_dir: Path) -> Stored:
    """All rows of all tables, and the names of all files beside the keyring."""
    stored: Stored = {"files": sorted(str(path) for path in data_dir.rglob("*") if path.name != "encryption_key")}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  the database's own names
            stored[table] = sorted(map(repr, cursor.fetchall()))
    return stored


def changed(before: Stored, after: Stored) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def refuse_inserts(table: str) -> None:
    """As with a full disk, or a role that lost its rights."""
    body = (
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        if connection.vendor == "sqlite"
        else "FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TRIGGER {table}_full BEFORE INSERT ON {table} {body}")
