"""Database triggers that keep the event table append-only, on SQLite and PostgreSQL alike.

The manager's refusal covers our own code; these cover raw SQL, a forgotten ``bulk_update`` and every other client that
may not drop a trigger. Beside UPDATE and DELETE there are two ways to lose a row: ``INSERT OR REPLACE`` on SQLite,
which removes the old row without firing its delete trigger, and ``TRUNCATE`` on PostgreSQL, which fires no row trigger.

They are put back after every migration, because SQLite loses the triggers of a table that a migration rebuilds.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

TABLE = "audit_event"

SQLITE = {
    f"{TABLE}_no_update": "BEFORE UPDATE ON audit_event",
    f"{TABLE}_no_delete": "BEFORE DELETE ON audit_event",
    f"{TABLE}_no_replace": "BEFORE INSERT ON audit_event WHEN EXISTS "
    "(SELECT 1 FROM audit_event WHERE id = NEW.id OR public_id = NEW.public_id)",
}
SQLITE_CREATE = """
CREATE TRIGGER IF NOT EXISTS {name} {when}
BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END
"""
POSTGRESQL = {
    f"{TABLE}_no_change": "BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW",
    f"{TABLE}_no_truncate": "BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT",
}
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'audit_event is append-only'; END $$
"""
POSTGRESQL_CREATE = "CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION audit_event_refuse()"


def install(using: str = "default", **_signal: Any) -> None:
    """Create the triggers unless they are there. Connected to ``post_migrate``."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if TABLE not in connection.introspection.table_names(cursor):
            return
        if connection.vendor == "sqlite":
            triggers, create = SQLITE, SQLITE_CREATE
        else:
            cursor.execute(POSTGRESQL_FUNCTION)
            triggers, create = POSTGRESQL, POSTGRESQL_CREATE
        for name, when in triggers.items():
            cursor.execute(create.format(name=name, when=when))
