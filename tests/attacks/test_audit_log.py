"""Someone who can write to the database, and has neither keyring nor data directory, gets things sealed or hidden.

None of this drops a trigger or a constraint, but for what the name says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection

from audit import triggers
from audit.models import Checkpoint, Event, SigningKey, Tile, Tree
from audit.proof import sealer, witness
from audit.proof.canonical import canonical_entry
from audit.proof.errors import Contradiction
from audit.proof.merkle import leaf_hash
from audit.proof.rows import entry, read
from audit.proof.tiles import Tiles, extend
from audit.retention.services import retire_due, set_retention
from temps.lib import clock, ids
from temps.lib.signing import Signer
from tests.audit.proof.made import seal, verdict, write
from tests.audit.retention.made import OPERATOR, SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04")]
SIZE = 10


@pytest.fixture(autouse=True)
def log(data_dir: Path) -> Iterator[None]:
    """Ten sealed entries, under the triggers of a real database."""
    write(SIZE)
    seal()
    triggers.install()
    yield
    triggers.drop()
    if connection.vendor == "sqlite":
        sql("PRAGMA ignore_check_constraints = OFF")


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def row(position: int) -> dict[str, Any]:
    """All columns of an entry but its key, as they are put back."""
    names = [field.column for field in Event._meta.fields if field.name != "id"]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(names)} FROM audit_event WHERE position = %s", [position])  # noqa: S608
        return dict(zip(names, cursor.fetchone(), strict=True)) | {"position": None}


def put_in(columns: dict[str, Any]) -> None:
    names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
    sql(f"INSERT INTO audit_event ({names}) VALUES ({places})", *columns.values())  # noqa: S608


def forged(**columns: object) -> dict[str, Any]:
    return row(3) | {"public_id": ids.new("evt"), "code": None} | columns


def names_it(what: str) -> bool:
    return any(what in str(problem) for problem in verdict().problems)


def test_an_entry_appended_to_the_tree_is_neither_signed_over_nor_whole() -> None:
    put_in(forged(position=SIZE, description="forged"))
    (columns,) = read(Event.objects.filter(position=SIZE))
    extend(Tiles(), SIZE, [leaf_hash(canonical_entry(entry(columns)))])
    Tree.objects.update(size=SIZE + 1)
    assert names_it(f"entry {SIZE} and all that follow were put in")
    write(1)
    with pytest.raises(Contradiction, match="were put in"):
        seal()
    assert "were put in" in Tree.objects.get().failure


def test_a_tree_that_claims_to_be_larger_than_it_is_stops_sealing_and_says_so() -> None:
    Tree.objects.update(size=SIZE + 1)
    write(1)
    with pytest.raises(Contradiction):
        seal()
    assert Tree.objects.get().failure
    assert names_it(f"entry {SIZE} is missing")


def test_a_removed_entry_that_is_put_in_again_is_not_sealed_anew() -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        write(3)
    seal()
    old = row(SIZE + 1)
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 3
    put_in(old)
    seal()
    assert Event.objects.get(public_id=old["public_id"]).position is None
    assert names_it(f"the event {old['public_id']} was not written by Temps")


def test_an_entry_that_is_put_in_twice_is_sealed_once_and_named() -> None:
    """With the UNIQUE constraint of ids dropped."""
    triggers.drop()
    drop_unique_ids()
    put_in(row(3))
    put_in(row(3))
    assert seal() == 0
    assert len(verdict().problems) == 2
    sql("UPDATE audit_event SET position = %s WHERE id = (SELECT max(id) FROM audit_event)", SIZE)
    assert not verdict().whole


def test_an_entry_that_was_sealed_twice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the first one was hidden from the sealer for the moment, and put back."""
    triggers.drop()
    drop_unique_ids()
    put_in(row(3))
    monkeypatch.setattr("audit.proof.replays.Replays.has", lambda *_arguments: False)
    assert seal() == 1
    assert [str(problem) for problem in verdict().problems] == [f"entry {SIZE} was put in: it is entry 3 once more"]


def drop_unique_ids() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            constraints = connection.introspection.get_constraints(cursor, "audit_event")
            (name,) = (name for name, is_ in constraints.items() if is_["unique"] and is_["columns"] == ["public_id"])
            cursor.execute(f'ALTER TABLE audit_event DROP CONSTRAINT "{name}"')
            return
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_event'")
        made = cursor.fetchone()[0].replace(
            '"public_id" varchar(32) NOT NULL UNIQUE', '"public_id" varchar(32) NOT NULL'
        )
        cursor.execute(made.replace('"audit_event"', '"loose"', 1))
        cursor.execute("INSERT INTO loose SELECT * FROM audit_event")
        cursor.execute("DROP TABLE audit_event")
        cursor.execute("ALTER TABLE loose RENAME TO audit_event")


def test_with_a_code_missing_and_a_key_from_before_sealing_nothing_is_sealed() -> None:
    put_in(forged(id=-1))
    put_in(forged(id=10**6))
    Tree.objects.update(old_until=10**7, old_count=10**7)
    assert seal() == 0
    assert Tree.objects.get().foreign == 2
    assert len(verdict().problems) == 2


def test_a_key_that_retention_has_freed_is_no_key_from_before_sealing(data_dir: Path) -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        write(3)
    with connection.cursor() as cursor:
        triggers.drop()
        cursor.execute("UPDATE audit_event SET code = NULL")
        for model in (Tree, Checkpoint, Tile, SigningKey):
            model.objects.all().delete()
        (data_dir / witness.NAME).unlink()
        cursor.execute("UPDATE audit_event SET position = NULL")
    triggers.install()
    assert sealer.seal_everything() == SIZE + 3
    freed = Event.objects.get(position=SIZE + 1).pk
    triggers.drop()
    sql("DELETE FROM audit_event WHERE id = %s", freed)
    triggers.install()
    put_in(forged(id=freed))
    assert sealer.seal_everything() == 0


@pytest.mark.parametrize("position", [-7, 5.5])
def test_a_row_at_no_place_of_the_log_is_named(position: float) -> None:
    if connection.vendor == "postgresql":
        sql("ALTER TABLE audit_event DROP CONSTRAINT audit_event_position_check")
        position = min(position, -1)
    else:
        sql("PRAGMA ignore_check_constraints = ON")
    put_in(forged(position=position))
    assert names_it("a row was put in that stands between entries, or before the first")


@pytest.mark.promise("L-04")
def test_a_public_key_in_the_database_is_told_to_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    origin = Tree.objects.get().origin
    foreign = Signer.generate(origin).verifier
    SigningKey.objects.update(public_key=foreign.public)
    call_command("audit", "key")
    assert str(foreign) not in capsys.readouterr().out


DEEP = json.dumps({"a": None}).replace("null", "[" * 400 + "]" * 400)


@pytest.mark.parametrize("metadata", ["[]", "null", "5", '"text"', DEEP, '{"n": 1e999}'])
def test_a_row_that_is_no_entry_stops_neither_sealing_nor_verifying(metadata: str) -> None:
    if connection.vendor == "postgresql" and "999" in metadata:
        metadata = '{"n": ' + "9" * 400 + "}"
    poison = forged(metadata=metadata)
    put_in(poison)
    write(1)
    assert seal() == 1
    assert Tree.objects.get().foreign == 1
    assert names_it(poison["public_id"])


def test_bytes_that_are_no_text_stop_neither_sealing_nor_verifying() -> None:
    if connection.vendor == "postgresql":
        return  # refuses them
    poison = forged()
    triggers.drop()
    put_in(poison)
    sql("UPDATE audit_event SET description = CAST(x'ff41' AS TEXT) WHERE public_id = %s", poison["public_id"])
    write(1)
    assert seal() == 1
    assert names_it(poison["public_id"])
