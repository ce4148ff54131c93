from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.actions import Action
from audit.models import Event, Tile, Tree
from audit.proof import recovery, sealer, witness
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
    with pytest.raises(sealer.Contradiction):
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
    with pytest.raises(sealer.Contradiction, match="lacks hashes"):
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


def test_a_log_that_is_well_needs_no_recovery() -> None:
    with pytest.raises(Conflict, match="nothing to recover"):
        recovery.recover("just in case", actor=OPERATOR)
    assert witness.witnessed()


def test_the_reason_is_required_and_so_is_the_permission(world: World) -> None:
    with pytest.raises(Invalid):
        recovery.recover("  ", actor=OPERATOR)
    with pytest.raises(Denied):
        recovery.recover("mine", actor=acting(world.owner))


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="nothing to recover"):
        call_command("audit", "recover", "--reason", "just in case")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_tile")
    call_command("audit", "recover", "--reason", "the disk failed")
    assert "computed anew" in capsys.readouterr().out
    assert Tree.objects.get().size == 40
