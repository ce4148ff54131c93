"""Someone who may do anything with the database, and has neither the keyring nor the data directory.

Each test rewrites history in one way, as a database administrator could, and asks for the first bad entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.models.functions import Concat

from audit.models import ENTRY_COLUMNS, Checkpoint, Event, SigningKey, Tile, Tree
from audit.proof import sealer, witness
from audit.proof.canonical import canonical
from audit.proof.errors import Contradiction
from audit.proof.merkle import Frontier, leaf_hash
from audit.proof.notes import CheckpointText
from audit.proof.tiles import Tiles, extend
from temps.lib import clock, ids
from temps.lib.errors import SealError
from temps.lib.signing import Signer
from tests.audit.proof.made import seal, verdict, write

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04")]
SIZE = 40
BAD = 23
"""The entry that is tampered with."""


@pytest.fixture(autouse=True)
def log(data_dir: Path) -> None:
    """Forty entries in four batches."""
    for _ in range(4):
        write(10)
        seal()
    assert verdict().whole


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def first_bad() -> int | None:
    """What verification names, or None where it is not about an entry. Fails if it finds nothing."""
    problems = verdict().problems
    assert problems
    return problems[0].position


OTHER: dict[str, object] = {
    "timestamp": "2020-01-01 00:00:00.000001+00:00",
    "actor_kind": "user",
    "metadata": json.dumps({"credential": "session"}),
    "result": "denied",
}


@pytest.mark.parametrize("column", ENTRY_COLUMNS)
def test_an_edit_of_any_field(column: str) -> None:
    sql(f"UPDATE audit_event SET {column} = %s WHERE position = %s", OTHER.get(column, "other"), BAD)  # noqa: S608
    assert first_bad() == BAD


@pytest.mark.parametrize("metadata", ['{"eventId": "evt_x"}', '{"project": ""}', "[]", "null", '"text"', "{}"])
def test_metadata_that_something_could_hide_in(metadata: str) -> None:
    sql("UPDATE audit_event SET metadata = %s WHERE position = %s", metadata, BAD)
    assert first_bad() == BAD


def test_every_column_of_the_table_is_either_sealed_or_about_sealing() -> None:
    columns = {field.name for field in Event._meta.fields}
    assert columns == {*ENTRY_COLUMNS, "id", "position", "code"}


@pytest.mark.parametrize("removed", [0, BAD, SIZE - 1])
def test_a_removed_entry(removed: int) -> None:
    sql("DELETE FROM audit_event WHERE position = %s", removed)
    assert first_bad() == removed


def test_a_removed_entry_whose_gap_was_closed() -> None:
    sql("DELETE FROM audit_event WHERE position = %s", BAD)
    for position in range(BAD + 1, SIZE):
        sql("UPDATE audit_event SET position = %s WHERE position = %s", position - 1, position)
    assert first_bad() == BAD


def test_two_entries_that_changed_places() -> None:
    other = BAD + 5
    for old, new in ((BAD, 1000), (other, BAD), (1000, other)):
        sql("UPDATE audit_event SET position = %s WHERE position = %s", new, old)
    found = verdict().problems[0]
    assert found.position == BAD
    assert f"sealed as entry {other}" in found.what


def inserted(position: int | None, **changes: object) -> None:
    """A row like an existing one, with the same code."""
    names = [field.column for field in Event._meta.fields if field.column != "id"]
    row = Event.objects.filter(position=0).values(*names).get()
    row |= {"public_id": ids.new("evt"), "position": position, **changes}
    row["metadata"] = json.dumps(row["metadata"])
    marks = ", ".join(["%s"] * len(row))
    sql(f"INSERT INTO audit_event ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608


def test_an_entry_put_in_the_middle() -> None:
    for position in reversed(range(BAD, SIZE)):
        sql("UPDATE audit_event SET position = %s WHERE position = %s", position + 1, position)
    inserted(BAD)
    assert first_bad() == BAD


def test_an_entry_put_in_at_the_end() -> None:
    inserted(SIZE)
    assert first_bad() == SIZE


@pytest.mark.parametrize("code", ["copied", "random", "none"])
def test_an_entry_put_in_to_be_sealed(code: str) -> None:
    """It is never sealed, whatever code it bears, and the entries after it are."""
    codes: dict[str, dict[str, object]] = {"copied": {}, "random": {"code": b"x" * 32}, "none": {"code": None}}
    inserted(None, **codes[code])
    write(3)
    assert seal() == 3
    found = verdict()
    assert found.verified == SIZE + 3
    assert "was not written by Temps" in str(found.problems[0])
    assert Tree.objects.get().foreign == 1
    assert "not written by Temps" in Tree.objects.get().failure


def test_an_entry_that_was_changed_before_it_was_sealed() -> None:
    write(2)
    sql("UPDATE audit_event SET description = 'nothing' WHERE id = %s", Event.objects.latest("id").pk)
    assert seal() == 1
    assert not verdict().whole


def cut(size: int) -> None:
    """Bring the whole log back to what it was at ``size``, in every table."""
    sql("DELETE FROM audit_event WHERE position >= %s", size)
    sql("DELETE FROM audit_checkpoint WHERE size > %s", size)
    sql("UPDATE audit_tree SET size = %s", size)
    leaves = b"".join(bytes(tile) for tile in Tile.objects.filter(level=0).values_list("hashes", flat=True))
    Tile.objects.filter(level=0).update(hashes=leaves[: size * 32])


@pytest.mark.parametrize("tables", ["all", "events"])
def test_a_tail_that_was_cut_off(tables: str) -> None:
    cut(30) if tables == "all" else sql("DELETE FROM audit_event WHERE position >= 30")
    assert first_bad() == 30


def test_an_older_copy_that_was_put_back() -> None:
    """All tables as they were at 30 entries; the checkpoint file beside the database tells."""
    cut(30)
    found = verdict().problems[0]
    assert found.position == 30
    assert "older than the checkpoint" in found.what


def test_an_older_copy_that_has_grown_again_is_not_signed() -> None:
    cut(30)
    write(20)
    with pytest.raises(Contradiction, match="older than its checkpoint file"):
        sealer.seal_everything()
    assert first_bad() == 30


def test_an_older_copy_without_its_file_is_found_with_a_checkpoint_from_elsewhere() -> None:
    """Whoever also takes the data directory back in time is found by the checkpoint that was mailed."""
    mailed = Checkpoint.objects.get(size=SIZE).note
    cut(30)
    witness.keep(Checkpoint.objects.get(size=30).note)
    assert verdict().whole
    assert verdict(mailed).problems[0].position == 30
    write(20)
    assert seal() == 20
    assert verdict().whole
    found = verdict(mailed).problems[0]
    assert found.position == 30
    assert "is not what was signed" in found.what


def forge(position: int) -> None:
    """Change an entry and every stored hash that depends on it."""
    sql("UPDATE audit_event SET description = 'nothing' WHERE position = %s", position)
    leaves = [leaf_hash(canonical(event.as_entry())) for event in Event.objects.order_by("position")]
    Tile.objects.all().delete()
    extend(Tiles(), 0, leaves)


def test_an_entry_changed_along_with_the_stored_hashes_is_narrowed_to_its_batch() -> None:
    forge(BAD)
    found = verdict().problems[0]
    assert found.position == 20
    assert "before entry 30" in found.what
    assert "the stored hashes were changed with it" in found.what


def test_a_forged_tree_is_not_signed() -> None:
    forge(BAD)
    write(1)
    with pytest.raises(Contradiction, match="are not those that were signed"):
        sealer.seal_everything()
    assert "not those that were signed" in Tree.objects.get().failure


def forge_signatures() -> Signer:
    """Sign every checkpoint anew with a key of one's own."""
    tree = Tree.objects.get()
    forger, frontier = Signer.generate(tree.origin), Frontier()
    for number, event in enumerate(Event.objects.order_by("position"), start=1):
        frontier.append(leaf_hash(canonical(event.as_entry())))
        note = forger.sign(str(CheckpointText(tree.origin, number, frontier.root(), clock.now())))
        Checkpoint.objects.filter(size=number).update(note=note)
    return forger


def test_a_forged_tree_signed_with_a_key_of_ones_own() -> None:
    """The public column says that it counts. What is believed is the key that the keyring opens."""
    forge(BAD)
    forger = forge_signatures()
    SigningKey.objects.update(public_key=forger.verifier.public)
    witness.witness_file().unlink()
    assert "none of the keys signed this" in str(verdict().problems[0])


def test_a_signing_key_that_the_keyring_did_not_seal() -> None:
    forge(BAD)
    forger = forge_signatures()
    SigningKey.objects.update(public_key=forger.verifier.public, key_id=forger.verifier.id.hex())
    with pytest.raises(SealError):
        verdict()


@pytest.mark.parametrize(
    "damage",
    [
        lambda: Checkpoint.objects.all().delete(),
        lambda: Checkpoint.objects.filter(size=30).update(note="not a note"),
        lambda: Checkpoint.objects.filter(size=30).update(note=Concat("note", models.Value("x"))),
        lambda: Checkpoint.objects.filter(size=30).update(note=Checkpoint.objects.get(size=20).note),
    ],
)
def test_checkpoints_that_were_damaged(damage: Callable[[], object], data_dir: Path) -> None:
    """Not one of them makes the log look whole when it is not; a doubled one is harmless."""
    damage()
    forge(BAD)
    witness.witness_file().unlink()
    assert not verdict().whole


def test_stored_hashes_that_were_lost() -> None:
    Tile.objects.all().delete()
    found = verdict().problems[0]
    assert (found.position, "lost its stored hash" in found.what) == (0, True)


def test_a_database_that_was_emptied() -> None:
    for model in (Event, Tile, Checkpoint, SigningKey, Tree):
        sql(f"DELETE FROM {model._meta.db_table}")  # noqa: S608
    from audit.proof.checking import verify_log

    assert verify_log([]).problems[0].position == 0


def test_the_command_names_the_entry_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit", "verify")
    assert f"whole: {SIZE} entries as sealed" in capsys.readouterr().out
    sql("UPDATE audit_event SET description = 'nothing' WHERE position = %s", BAD)
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "verify")
    assert ended.value.code == 1
    assert f"BAD: entry {BAD} ({Event.objects.get(position=BAD).public_id})" in capsys.readouterr().out


def test_the_command_says_that_a_kept_checkpoint_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(Checkpoint.objects.get(size=20).note)
    call_command("audit", "verify", "--checkpoint", str(kept))
    said = capsys.readouterr().out
    assert f"{kept} fits: it was signed at " in said
    assert "over the first 20 entries" in said


def test_a_checkpoint_of_another_log_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Signer.generate("temps-audit_other")
    kept = tmp_path / "kept.txt"
    kept.write_text(other.sign(str(CheckpointText(other.name, 20, b"x" * 32, clock.now()))))
    with pytest.raises(SystemExit):
        call_command("audit", "verify", "--checkpoint", str(kept))
    said = capsys.readouterr().out
    assert f"it is about the log temps-audit_other, and this is {Tree.objects.get().origin}" in said
    assert "fits" not in said


def test_an_empty_file_is_no_checkpoint(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.touch()
    with pytest.raises(CommandError, match="is empty: there is no checkpoint in it"):
        call_command("audit", "verify", "--checkpoint", str(kept))


def test_the_command_tells_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    sql("DELETE FROM audit_event WHERE position = %s", BAD)
    with pytest.raises(SystemExit):
        call_command("audit", "verify", "--json")
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["whole"], told["size"], told["problems"][0]["position"]) == (False, SIZE, BAD)
