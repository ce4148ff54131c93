from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from audit import keeper
from audit.actions import Action
from audit.models import Checkpoint, Event, SigningKey, Tile, Tree
from audit.proof import sealer, strays, witness
from audit.services import record
from secrets_vault.sealing.models import DataKey
from temps.lib.actor import Actor
from temps.lib.errors import KeyUnavailable
from tests import peers
from tests.audit.proof.made import seal, verdict, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.promise("L-04")]


@pytest.fixture(autouse=True)
def _own_directory(data_dir: Path) -> None:
    """A data directory of the test's own: the checkpoint file of another log is rightly refused."""


def positions() -> list[int | None]:
    return list(Event.objects.order_by("id").values_list("position", flat=True))


def all_sealed() -> bool:
    try:
        return None not in positions()
    except OperationalError:  # the tests' database in memory does not let one thread read while another writes
        return False


def test_entries_get_positions_without_gaps_and_a_checkpoint() -> None:
    write(5)
    assert seal() == 5
    write(3)
    assert seal() == 3
    assert positions() == list(range(8))
    assert [checkpoint.size for checkpoint in Checkpoint.objects.all()] == [8, 5]
    assert (verdict().whole, verdict().verified) == (True, 8)


@pytest.mark.parametrize("sizes", [[255, 1, 1], [256], [257], [1, 600], [300, 300]])
def test_batches_of_any_size_make_one_tree(sizes: list[int]) -> None:
    for size in sizes:
        write(size)
        seal()
    assert (verdict().whole, verdict().verified) == (True, sum(sizes))
    assert Tile.objects.filter(level=0).count() == -(-sum(sizes) // 256)


def test_tiles_of_higher_levels_grow_as_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiles of two hashes a small log has many levels; every way of cutting it into batches gives the same."""
    monkeypatch.setattr("audit.proof.tiles.TILE_HEIGHT", 1)
    monkeypatch.setattr("audit.proof.tiles.TILE", 2)
    monkeypatch.setattr("audit.proof.tiles.FULL", 64)
    from audit.proof.merkle import leaf_hash, root_of
    from audit.proof.tiles import Tiles, extend

    leaves = [leaf_hash(bytes([number])) for number in range(37)]
    for step in (1, 2, 3, 5, 8, 37):
        Tile.objects.all().delete()
        for at in range(0, 37, step):
            extend(Tiles(), at, leaves[at : at + step])
        for size in range(38):
            assert Tiles().frontier(size).root() == root_of(leaves[:size])


def test_a_batch_takes_what_it_may_and_the_next_the_rest() -> None:
    write(7)
    assert [sealer.seal_batch(limit=4), sealer.seal_batch(limit=4), sealer.seal_batch(limit=4)] == [4, 3, 0]
    assert verdict().whole


def test_nothing_new_makes_no_checkpoint() -> None:
    write()
    assert (seal(), seal()) == (1, 0)
    assert Checkpoint.objects.count() == 1


@pytest.mark.postgresql
def test_a_transaction_that_commits_late_is_sealed_later_and_not_lost() -> None:
    """The late one takes the lower id first and commits after the other was sealed."""
    begun, go_on = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            record(Actor.operator(), Action.PROJECT_CREATE, ("project", "late"), "made late")
            begun.set()
            go_on.wait(30)
        connection.close()

    writer = threading.Thread(target=late)
    writer.start()
    assert begun.wait(30)
    write(2, "early")
    assert seal() == 2
    go_on.set()
    writer.join()
    assert seal() == 1
    assert [(event.resource_id, event.position) for event in Event.objects.order_by("id")] == [
        ("late", 2),
        ("early", 0),
        ("early", 1),
    ]
    assert verdict().whole


@pytest.mark.postgresql
def test_sealers_at_once_seal_everything_once() -> None:
    write(120)
    sealed: list[int] = []

    def work() -> None:
        while count := sealer.seal_batch(limit=7):
            sealed.append(count)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sealed) == 120
    assert sorted(position for position in positions() if position is not None) == list(range(120))
    assert verdict().whole


def test_the_sealer_does_not_wait_for_those_who_write_nor_they_for_it() -> None:
    """The keeper process: entries written while it runs are sealed without being asked for."""
    stop = threading.Event()
    runner = threading.Thread(target=lambda: (keeper.keep(stop), connection.close()))
    runner.start()
    try:
        for _ in range(3):
            write(5)
            peers.wait_for(all_sealed, "sealing")
    finally:
        stop.set()
        runner.join()
    assert (verdict().whole, verdict().verified) == (True, 15)


def test_what_was_there_before_sealing_is_sealed_with_the_rest() -> None:
    """Events of an earlier version have no code. Later ones without are not ours."""
    write(3)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET code = NULL")
    assert seal() == 3
    write(1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET code = NULL WHERE position IS NULL")
    assert seal() == 0
    assert not verdict().whole


def test_what_is_sealed_while_it_is_looked_at_was_not_put_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verification reads an event that waits, and the auditor seals it before it is looked up."""
    write(1)
    seal()
    write(3)
    real = strays.sifted

    def sealed_meanwhile(*arguments: Any) -> Any:
        sealer.seal_everything()
        return real(*arguments)

    monkeypatch.setattr(strays, "sifted", sealed_meanwhile)
    assert verdict().whole


def test_where_the_time_before_sealing_ended_cannot_be_moved() -> None:
    """Someone with the database alone raises the mark, so that what they put in needs no code."""
    write(1)
    seal()
    write(1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET code = NULL, description = 'forged' WHERE position IS NULL")
    Tree.objects.update(old_until=1_000_000)
    assert seal() == 0
    Tree.objects.update(code=None)
    assert seal() == 0
    assert "was not written by Temps" in str(verdict().problems[0])


@pytest.fixture
def _without_key(data_dir: Path) -> Iterator[None]:
    """The keyring vanishes after a first entry was sealed."""
    write()
    seal()
    write()
    keyring = data_dir / "encryption_key"
    content = keyring.read_bytes()
    keyring.unlink()
    yield
    keyring.write_bytes(content)
    keyring.chmod(0o600)
    assert seal() == 1
    assert Tree.objects.get().failure == ""


@pytest.mark.usefixtures("_without_key")
def test_without_the_key_nothing_is_sealed_and_the_tree_says_why() -> None:
    with pytest.raises(KeyUnavailable):
        seal()
    tree = Tree.objects.get()
    assert "key" in tree.failure
    assert tree.failed_at is not None
    assert positions() == [0, None]


def test_the_private_key_is_sealed_and_its_public_half_says_who_signs() -> None:
    write()
    seal()
    key = SigningKey.objects.get()
    assert DataKey.objects.filter(project=None).exists()
    assert bytes(key.public_key) not in bytes(key.sealed)
    assert Checkpoint.objects.get().note.startswith(f"{Tree.objects.get().origin}\n1\n")


def test_copies_of_the_checkpoint_go_where_the_operator_wants_them(settings: Any, tmp_path: Path) -> None:
    settings.CHECKPOINT_DIR = str(tmp_path / "elsewhere")
    write()
    seal()
    note = Checkpoint.objects.get().note
    today = f"{witness.NAME}-{datetime.now(UTC):%Y-%m-%d}"
    assert {path.name: path.read_text() for path in (tmp_path / "elsewhere").iterdir()} == {
        witness.NAME: note,
        today: note,
    }


def test_a_directory_that_cannot_be_written_does_not_stop_sealing(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    settings.CHECKPOINT_DIR = str(tmp_path / "file")
    write()
    assert seal() == 1
    assert witness.witnessed() == Checkpoint.objects.get().note
