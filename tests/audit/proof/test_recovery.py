from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit import keeper
from audit.actions import Action
from audit.models import Event, Tile, Tree
from audit.proof import recovery, sealer, witness
from audit.proof.errors import Contradiction
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Denied, Invalid
from tests.audit.proof.made import seal, verdict, write
from tests.audit.proof.test_tampering import cut, forge
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04")]
OPERATOR = Actor.operator()


@pytest.fixture(autouse=True)
def log(data_dir: Path) -> None:
    for _ in range(4):
        write(10)
        seal()


def test_after_a_backup_was_put_back_the_log_goes_on_and_says_so() -> None:
    cut(30)
    write(1)
    with pytest.raises(Contradiction):
        sealer.seal_everything()
    done = recovery.recover("put back the backup of last night", actor=OPERATOR)
    assert Path(done.set_aside).read_text().splitlines()[1] == "40"
    assert seal() == 2
    told = Event.objects.get(operation=Action.AUDIT_RECOVER)
    assert told.description == "let the audit log go on at 30 entries: put back the backup of last night"
    assert verdict().whole


def test_lost_hashes_are_computed_anew_from_the_entries() -> None:
    Tile.objects.all().delete()
    write(1)
    with pytest.raises(Contradiction, match="lacks hashes"):
        sealer.seal_everything()
    assert recovery.recover("the disk failed", actor=OPERATOR).rebuilt
    assert seal() == 2
    assert verdict().whole


def test_changed_entries_are_never_signed_over() -> None:
    forge(23)
    with pytest.raises(Conflict, match="put them back from a backup"):
        recovery.recover("never mind", actor=OPERATOR)
    assert not Event.objects.filter(operation=Action.AUDIT_RECOVER).exists()
    assert not verdict().whole


@pytest.mark.parametrize("hashes", ["kept", "lost"])
def test_an_entry_that_cannot_be_read_is_named(hashes: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET metadata = '[]' WHERE position = 3")
    tile = Tile.objects.get(level=0)
    tile.hashes = bytes(tile.hashes)[: -32 if hashes == "kept" else 0]
    tile.save()
    with pytest.raises(Conflict, match="entry 3 is nothing that Temps writes"):
        recovery.recover("never mind", actor=OPERATOR)
    assert bytes(Tile.objects.get(level=0).hashes) == tile.hashes


def test_a_log_that_is_well_needs_no_recovery() -> None:
    with pytest.raises(Conflict, match="nothing to recover"):
        recovery.recover("just in case", actor=OPERATOR)
    assert witness.witnessed()


def test_the_reason_is_required_and_so_is_the_permission(world: World) -> None:
    with pytest.raises(Invalid):
        recovery.recover("  ", actor=OPERATOR)
    with pytest.raises(Denied):
        recovery.recover("mine", actor=acting(world.owner))


def test_verifying_an_older_database_names_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    cut(39)
    with pytest.raises(SystemExit):
        call_command("audit", "verify")
    said = capsys.readouterr().out
    assert "entry 39 is missing: the end of the log was cut off" in said
    assert "temps audit recover" in said
    forge(23)
    witness.witness_file().unlink()
    with pytest.raises(SystemExit):
        call_command("audit", "verify")
    assert "recover" not in capsys.readouterr().out


def test_a_command_says_in_one_line_that_it_cannot_seal(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    cut(30)
    write(1)
    with pytest.raises(CommandError, match="older than its checkpoint file"):
        call_command("audit", "export", "--start-date", "2024-01-01", "--end-date", "2024-01-31")
    assert "not_sealed" not in caplog.text + "".join(capsys.readouterr())
    keeper._seal()
    assert "audit.not_sealed" in caplog.text


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match=r"nothing to recover: .* names has to come back from a backup"):
        call_command("audit", "recover", "--reason", "just in case")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_tile")
    call_command("audit", "recover", "--reason", "the disk failed")
    assert "computed anew" in capsys.readouterr().out
    assert Tree.objects.get().size == 40
