"""Verifying by several processes finds what one finds."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from audit.models import Tree
from audit.proof import hashing
from audit.proof.checking import Verdict, verify_log
from audit.proof.keys import verifiers
from temps.lib.errors import Unavailable
from tests.audit.proof.made import seal, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.promise("L-04")]
SIZE = 100


@pytest.fixture(autouse=True)
def log(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred entries in ranges of eight, in tiles of two."""
    monkeypatch.setattr("audit.proof.tiles.TILE_HEIGHT", 1)
    monkeypatch.setattr("audit.proof.tiles.FULL", 64)
    for module in ("tiles", "checking"):
        monkeypatch.setattr(f"audit.proof.{module}.TILE", 2)
    monkeypatch.setattr("audit.proof.checking.CHUNK", 8)
    write(SIZE)
    seal()


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many processes were asked for, each time."""
    asked: list[int] = []

    def pool(processes: int, *arguments: Any) -> ProcessPoolExecutor:
        asked.append(processes)
        return ProcessPoolExecutor(processes, *arguments)

    monkeypatch.setattr(hashing, "ProcessPoolExecutor", pool)
    return asked


def verdict(processes: int) -> Verdict:
    return verify_log(verifiers(Tree.objects.get()), processes=processes)


def test_a_whole_log(forks: list[int]) -> None:
    assert verdict(2) == verdict(1)
    assert (verdict(2).whole, verdict(3).verified) == (True, SIZE)
    assert forks == [2, 2, 3]


@pytest.mark.parametrize("position", [0, 7, 8, 50, SIZE - 1])
@pytest.mark.parametrize("change", ["UPDATE audit_event SET user_id = 'x'", "DELETE FROM audit_event"])
def test_the_first_bad_entry(forks: list[int], position: int, change: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"{change} WHERE position >= %s", [position])
    assert verdict(2) == verdict(1)
    assert (verdict(2).problems[0].position, verdict(2).verified) == (position, position)
    assert forks == [2, 2, 2]


def test_within_a_transaction_there_is_one_process(forks: list[int]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET user_id = 'x' WHERE position = 50")
        assert verdict(2).problems[0].position == 50
        transaction.set_rollback(True)
    assert forks == []


def test_a_short_log_is_not_worth_a_process(forks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.proof.checking.CHUNK", 50)
    assert verdict(2).verified == SIZE
    assert forks == []


def test_a_process_that_is_killed_ends_it_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "rows_of", lambda _start, _end: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(Unavailable, match="has been ended"):
        verdict(2)
