"""Database triggers that keep the event table append-only, on SQLite and PostgreSQL alike.

The manager's refusal covers our own code; these cover raw SQL, a forgotten ``bulk_update`` and every other client that
may not drop a trigger. An event changes once, when the sealer gives it a position, and once for each statement that it
was redacted for an erased person; it may be deleted only where a signed retirement covers it. Beside UPDATE and DELETE
there are two ways to lose a row: ``INSERT OR REPLACE`` on SQLite, which removes the old row without firing its delete
trigger, and ``TRUNCATE`` on PostgreSQL, which fires no row trigger.

They are put back after every migration, because SQLite loses the triggers of a table that a migration rebuilds.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction

from audit.models import REDACTED_COLUMNS, Event

TABLE = "audit_event"
NEEDED = frozenset({"audit_retirement", "audit_redactedentry"})
"""Tables that the triggers look into: earlier migrations have none of them."""
REDACTED = ", ".join((*REDACTED_COLUMNS, "code"))
FIXED = ", ".join(
    str(field.column) for field in Event._meta.fields if field.column not in (*REDACTED_COLUMNS, "code", "position")
)
REPLACED = ("audit_event_no_update", "audit_event_no_change")
"""Triggers of earlier versions, which would refuse the sealer."""

SQLITE = {
    f"{TABLE}_fixed": f"BEFORE UPDATE OF {FIXED} ON audit_event",
    f"{TABLE}_position_once": "BEFORE UPDATE OF position ON audit_event "
    "WHEN OLD.position IS NOT NULL OR NEW.position IS NULL",
    f"{TABLE}_no_delete": "BEFORE DELETE ON audit_event WHEN NOT EXISTS "
    "(SELECT 1 FROM audit_retirement WHERE OLD.position BETWEEN first AND last)",
    f"{TABLE}_no_replace": "BEFORE INSERT ON audit_event WHEN EXISTS "
    "(SELECT 1 FROM audit_event WHERE id = NEW.id OR public_id = NEW.public_id OR position = NEW.position)",
}
SQLITE_CREATE = "CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
SQLITE_REDACT = f"""
CREATE TRIGGER {TABLE}_redact BEFORE UPDATE OF {REDACTED} ON audit_event BEGIN
  SELECT RAISE(ABORT, 'audit_event is append-only') WHERE NOT EXISTS
    (SELECT 1 FROM audit_redactedentry WHERE position = OLD.position AND NOT applied);
  UPDATE audit_redactedentry SET applied = 1 WHERE position = OLD.position;
END
"""  # noqa: S608  our own names
POSTGRESQL = {
    f"{TABLE}_fixed": f"BEFORE UPDATE OF {FIXED} ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()",
    f"{TABLE}_position_once": "BEFORE UPDATE OF position ON audit_event FOR EACH ROW "
    "WHEN (OLD.position IS NOT NULL OR NEW.position IS NULL) EXECUTE FUNCTION audit_event_refuse()",
    f"{TABLE}_no_delete": "BEFORE DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_retire()",
    f"{TABLE}_redact": f"BEFORE UPDATE OF {REDACTED} ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_redact()",
    f"{TABLE}_no_truncate": "BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()",
}
POSTGRESQL_FUNCTIONS = """
CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'audit_event is append-only'; END $$;
CREATE OR REPLACE FUNCTION audit_event_retire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM audit_retirement WHERE OLD.position BETWEEN first AND last) THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'audit_event is append-only';
END $$;
CREATE OR REPLACE FUNCTION audit_event_redact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE audit_redactedentry SET applied = true WHERE position = OLD.position AND NOT applied;
  IF FOUND THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'audit_event is append-only';
END $$
"""
POSTGRESQL_CREATE = "CREATE TRIGGER {name} {when}"


def install(using: str = "default", **_signal: Any) -> None:
    """Create the triggers in the form of this version. Connected to ``post_migrate``."""
    connection = connections[using]
    with transaction.atomic(using), connection.cursor() as cursor:
        if not NEEDED.issubset(connection.introspection.table_names(cursor)):
            return
        drop(using)
        if connection.vendor == "sqlite":
            cursor.execute(SQLITE_REDACT)
            triggers, create = SQLITE, SQLITE_CREATE
        else:
            cursor.execute(POSTGRESQL_FUNCTIONS)
            triggers, create = POSTGRESQL, POSTGRESQL_CREATE
        for name, when in triggers.items():
            cursor.execute(create.format(name=name, when=when))


def drop(using: str = "default") -> None:
    """Remove the triggers: for putting them back anew, and for tests that empty their tables."""
    connection = connections[using]
    on = "" if connection.vendor == "sqlite" else f" ON {TABLE}"
    with connection.cursor() as cursor:
        for name in {*REPLACED, *SQLITE, *POSTGRESQL}:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")
