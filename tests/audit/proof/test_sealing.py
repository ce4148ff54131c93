from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction

from audit.actions import Action
from audit.models import Checkpoint, Event, Tile, Tree
from audit.proof import sealer
from audit.proof.checking import Verdict, verify_log
from audit.proof.keys import verifiers
from audit.services import record
from temps.lib.actor import Actor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.promise("L-04")]


def write(count: int = 1, name: str = "thing") -> None:
    for number in range(count):
        with transaction.atomic():
            record(Actor.operator(), Action.PROJECT_CREATE, ("project", name), f"made {name} {number}")


def verdict(*kept: str) -> Verdict:
    return verify_log(verifiers(Tree.objects.get()), kept=kept)


@pytest.fixture(autouse=True)
def _own_directory(data_dir: Path) -> None:
    """A data directory of the test's own: the checkpoint file of another log is rightly refused."""


def test_entries_get_positions_without_gaps_and_a_checkpoint() -> None:
    write(5)
    assert sealer.seal_everything() == 5
    write(3)
    assert sealer.seal_everything() == 3
    assert list(Event.objects.order_by("id").values_list("position", flat=True)) == list(range(8))
    assert [checkpoint.size for checkpoint in Checkpoint.objects.all()] == [8, 5]
    assert verdict().whole
    assert verdict().verified == 8


@pytest.mark.parametrize("sizes", [[255, 1, 1], [256], [257], [1, 600], [300, 300]])
def test_batches_of_any_size_make_one_tree(sizes: list[int]) -> None:
    for size in sizes:
        write(size)
        sealer.seal_everything()
    found = verdict()
    assert (found.whole, found.verified) == (True, sum(sizes))
    assert Tile.objects.filter(level=0).count() == -(-sum(sizes) // 256)


def test_a_batch_takes_what_it_may_and_the_next_the_rest() -> None:
    write(7)
    assert [sealer.seal_batch(limit=4), sealer.seal_batch(limit=4), sealer.seal_batch(limit=4)] == [4, 3, 0]
    assert verdict().whole
