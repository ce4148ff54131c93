"""Somebody who can write to the database, and has neither keyring nor data directory, meddles with redactions."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction

from audit import triggers
from audit.models import Event, RedactedEntry, Redaction, Tile, Tree
from audit.proof import checking, sealer, witness
from audit.proof.hashing import leaf_of, rows_of
from audit.proof.keys import signer_for, verifiers
from audit.proof.merkle import leaf_hash, root_of
from audit.proof.notes import CheckpointText, RedactionText
from audit.proof.recovery import recover
from audit.proof.redactions import covered
from audit.proof.rows import read
from audit.proof.tiles import TILE
from audit.proof.vouching import voucher
from audit.retention.services import retire_due, set_retention
from temps.lib import clock
from temps.lib.signing import Signer
from tests.audit.proof.made import seal, verdict, write
from tests.audit.redaction.made import OLIVIA, OPERATOR, OTTO, a_life, happened, redact, sql
from tests.audit.retention.made import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-14", "L-04")]
COLUMNS = [field.column for field in Event._meta.fields if field.name != "id"]


def row(position: int) -> dict[str, Any]:
    """The columns of an entry, as they are put back."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM audit_event WHERE position = %s", [position])  # noqa: S608
        found = dict(zip(COLUMNS, cursor.fetchone(), strict=True))
    return found | ({} if isinstance(found["metadata"], str) else {"metadata": json.dumps(found["metadata"])})


def put(position: int, columns: dict[str, Any]) -> None:
    """Write ``columns`` over the entry at ``position``, past the triggers."""
    triggers.drop()
    setting = ", ".join(f"{name} = %s" for name in columns)
    sql(f"UPDATE audit_event SET {setting} WHERE position = %s", *columns.values(), position)  # noqa: S608
    triggers.install()


def problem() -> str:
    (found,) = verdict().problems
    return str(found)


def vouched(position: int) -> bool:
    (columns,) = read(Event.objects.filter(position=position))
    return voucher(Tree.objects.get())(position, columns)


def refused(statement: str, *values: object) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement, *values)


def test_an_original_that_is_put_back_is_named() -> None:
    original = row(2)
    redact()
    assert vouched(2)
    put(2, original)
    assert "entry 2" in problem()
    assert "was redacted for an erased person, and stands there as it was before" in problem()
    assert not vouched(2)


def test_originals_that_are_put_back_without_their_statements_are_missed_by_the_log() -> None:
    originals = {position: row(position) for position in range(12)}
    redact()
    for position, columns in originals.items():
        put(position, columns)
    RedactedEntry.objects.all().delete()
    Redaction.objects.all().delete()
    assert problem() == "the log tells of 1 statements about redacted entries, and the last that is there is 0"


def test_a_redacted_entry_that_is_changed_again_is_named() -> None:
    redact()
    put(2, {"description": "came from nowhere"})
    assert "was redacted for an erased person, and was changed since" in problem()
    assert not vouched(2)


def test_what_an_earlier_statement_said_counts_no_longer() -> None:
    happened(OPERATOR, f"{OLIVIA.email} met {OTTO.email}")
    redact()
    earlier = row(12)
    redact(OTTO)
    put(12, earlier)
    assert "was changed since" in problem()
    assert not vouched(12)


def test_a_row_put_beside_a_statement_is_named() -> None:
    redact()
    RedactedEntry.objects.create(
        redaction_id=1, position=0, leaf=b"x" * 32, sealed=b"x" * 32, place=8, path=b"", applied=True
    )
    assert "statement 1 is not about the entries that stand beside it" in problem()
    assert not vouched(0)


@pytest.mark.parametrize("change", [{"leaf": b"x" * 32}, {"position": 0}])
def test_a_row_that_was_changed_is_named(change: dict[str, Any]) -> None:
    redact()
    RedactedEntry.objects.filter(position=2).update(**change)
    assert "statement 1 is not about the entries that stand beside it" in problem()
    assert not vouched(2)


def test_a_row_that_was_removed_is_named() -> None:
    redact()
    RedactedEntry.objects.filter(position=2).delete()
    assert "statement 1 is not about" in problem()


def test_a_statement_that_was_removed_is_named() -> None:
    redact()
    redact(OTTO)
    RedactedEntry.objects.filter(redaction=1).delete()
    Redaction.objects.filter(number=1).delete()
    assert "statement 1 is gone" in problem()


def test_an_entry_is_not_redacted_by_somebody_elses_signature() -> None:
    redact()
    forged(Signer.generate(Tree.objects.get().origin), position=0)
    assert "statement 2" in problem()
    assert not vouched(0)


def test_a_statement_of_another_log_counts_for_nothing() -> None:
    redact()
    forged(signer_for(Tree.objects.get()), position=0, origin="temps-audit_other")
    assert "statement 2 stands in the place of another" in problem()
    assert not vouched(0)


def forged(signer: Signer, position: int, origin: str = "") -> None:
    """Change an entry, with a statement about it."""
    put(position, {"description": "forged"})
    leaf = leaf_of(rows_of(position, position + 1)[0]) or b""
    text = RedactionText(origin or signer.name, 2, 1, root_of([covered(position, leaf)]), clock.now())
    statement = Redaction.objects.create(number=2, note=signer.sign(str(text)))
    about = {"position": position, "leaf": leaf, "sealed": leaf, "place": 0, "path": b"", "applied": True}
    RedactedEntry.objects.create(redaction=statement, **about)


def test_another_signed_note_is_no_statement() -> None:
    redact()
    tree = Tree.objects.get()
    note = signer_for(tree).sign(str(CheckpointText(tree.origin, 1, leaf_hash(b""), clock.now())))
    Redaction.objects.update(note=note)
    assert "this is not a statement about redacted entries" in problem()


@pytest.mark.promise("L-03")
def test_the_triggers_let_an_entry_be_redacted_once_for_each_statement() -> None:
    redact()
    refused("UPDATE audit_event SET description = 'other' WHERE position = 2")
    refused("UPDATE audit_event SET description = 'other' WHERE position = 0")
    refused("UPDATE audit_event SET code = NULL WHERE position = 2")
    assert not RedactedEntry.objects.filter(applied=False).exists()


@pytest.mark.promise("L-03")
@pytest.mark.parametrize("column", ["user_id", "timestamp", "operation", "result", "public_id", "project"])
def test_what_no_redaction_changes_stays_fixed_while_one_is_under_way(column: str) -> None:
    statement = Redaction.objects.create(number=1, note="")
    RedactedEntry.objects.create(redaction=statement, position=2, leaf=b"", sealed=b"", place=0, path=b"")
    refused(f"UPDATE audit_event SET {column} = {column} WHERE position = 2")  # noqa: S608


def test_redacted_entries_are_retired_like_others() -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        a_life(OLIVIA)
    redact()
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 12
    seal()
    found = verdict()
    assert (found.whole, found.retired, found.redacted) == (True, 12, 8), found.problems


def test_neither_version_of_a_retired_entry_is_sealed_anew() -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        happened(OLIVIA.actor, "long ago")
    seal()
    original = row(12)
    redact()
    redacted = row(12)
    set_retention(90, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 1
    for version in (original, redacted):
        names, marks = ", ".join(version), ", ".join(["%s"] * len(version))
        sql(f"INSERT INTO audit_event ({names}) VALUES ({marks})", *(version | {"position": None}).values())  # noqa: S608
        seal()
        assert Event.objects.get(public_id=version["public_id"]).position is None
        triggers.drop()
        sql("DELETE FROM audit_event WHERE public_id = %s", version["public_id"])
        triggers.install()


def test_a_tree_is_rebuilt_around_redacted_entries() -> None:
    redact()
    Tile.objects.update(hashes=b"")
    assert recover("a bad disk", actor=OPERATOR).rebuilt
    sealer.seal_everything()
    assert verdict().whole


def test_a_database_from_before_a_redaction_is_named() -> None:
    kept = witness.witnessed()
    redact()
    assert witness.witnessed() != kept
    Tree.objects.update(size=12)
    assert not verdict().whole


def test_what_was_read_around_a_redaction_is_no_forgery() -> None:
    """By something that began before and looks closer after: what was right at either time counts."""
    before = read(Event.objects.filter(position=2))[0]
    vouches = voucher(Tree.objects.get())
    redact()
    (after,) = read(Event.objects.filter(position=2))
    assert (vouches(2, before), vouches(2, after)) == (True, True)
    later = voucher(Tree.objects.get())
    assert (later(2, before), later(2, after)) == (False, True)


def test_a_person_who_is_erased_while_the_log_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CHUNK", TILE)
    write(TILE)
    happened(OLIVIA.actor, "later")
    seal()
    erased: list[int] = []

    def meanwhile(_done: int, _all: int) -> None:
        if not erased:
            erased.append(0)
            erased[0] = redact()

    found = checking.verify_log(verifiers(Tree.objects.get()), progress=meanwhile)
    assert (found.whole, erased) == (True, [9]), found.problems
    assert (found.verified, found.redacted) == (TILE + 12, 1)  # the first tile was looked at before
