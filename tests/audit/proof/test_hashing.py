"""Verifying by several processes finds what one finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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
from tests import peers
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


WAITING = """
import os, signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import django
django.setup()
from audit.proof.hashing import _begin
pool = ProcessPoolExecutor(2, get_context("fork"), _begin)
pool.submit(os.getpid).result()
print(*pool._processes, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_process_outlives_one_that_is_killed(tmp_path: Path) -> None:
    environment = os.environ | {"TEMPS_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "temps.settings"}
    command = [sys.executable, "-c", WAITING]
    started = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60).stdout.split()
    assert len(started) == 2
    peers.wait_for(lambda: not any(_is_running(int(pid)) for pid in started), "the end of the processes")


def _is_running(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")
    except (FileNotFoundError, ProcessLookupError):
        return False
