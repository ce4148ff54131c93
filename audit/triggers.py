"""Database triggers that refuse UPDATE and DELETE on the event table, on SQLite and PostgreSQL alike.

The manager's refusal covers our own code; these cover raw SQL, a forgotten ``bulk_update`` and every other client that
may not drop a trigger. They are put back after every migration, because SQLite loses the triggers of a table that a
migration rebuilds.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

TABLE = "audit_event"

SQLITE = {
    f"{TABLE}_no_update": "BEFORE UPDATE",
    f"{TABLE}_no_delete": "BEFORE DELETE",
}
SQLITE_CREATE = """
CREATE TRIGGER IF NOT EXISTS {name} {when} ON audit_event
BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END
"""
POSTGRESQL_CREATE = """
CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'audit_event is append-only'; END $$;
CREATE OR REPLACE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
FOR EACH ROW EXECUTE FUNCTION audit_event_refuse();
"""


def install(using: str = "default", **_signal: Any) -> None:
    """Create the triggers unless they are there. Connected to ``post_migrate``."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if TABLE not in connection.introspection.table_names(cursor):
            return
        if connection.vendor == "sqlite":
            for name, when in SQLITE.items():
                cursor.execute(SQLITE_CREATE.format(name=name, when=when))
        else:
            cursor.execute(POSTGRESQL_CREATE)
