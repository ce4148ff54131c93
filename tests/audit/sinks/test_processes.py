"""Keepers as real processes, with SQLite in a file, that are killed and that meet peers which hang."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.sinks.receiver import Receiver, hangs, receiving
from tests.machine import TEMPS, Machine
from tests.peers import running, wait_for

pytestmark = [pytest.mark.promise("L-07"), pytest.mark.once]

WRITE = """
import django; django.setup()
from django.db import transaction
from audit.actions import Action
from audit.services import record
from temps.lib.actor import Actor
with transaction.atomic():
    for number in range({count}):
        record(Actor.operator(), Action.SETTINGS_UPDATE, ("setting", str(number)), "set a number")
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as after the first ``temps migrate``."""
    home = tmp_path_factory.mktemp("prepared")
    Machine(home, 0).temps("migrate")
    return home


@pytest.fixture
def machine(prepared: Path, tmp_path: Path) -> Machine:
    return Machine(shutil.copytree(prepared, tmp_path / "data"), 0)


def write(machine: Machine, count: int) -> None:
    environment = machine.environment | {"DJANGO_SETTINGS_MODULE": "temps.settings"}
    subprocess.run([sys.executable, "-c", WRITE.format(count=count)], env=environment, check=True)


@contextlib.contextmanager
def keeper(machine: Machine) -> Iterator[subprocess.Popen[bytes]]:
    with running([str(TEMPS), "audit", "keep"], log=machine.home / "log", env=machine.environment) as process:
        yield process


def cursor_of(machine: Machine, name: str) -> int | None:
    with contextlib.closing(sqlite3.connect(machine.home / "temps.sqlite3")) as database:
        found = database.execute("SELECT cursor FROM audit_sinks_sink WHERE name = ?", [name]).fetchone()
    return int(found[0]) if found else None


def add(machine: Machine, name: str, receiver: Receiver) -> None:
    machine.temps("sink", "add-webhook", "--name", name, "--url", receiver.url, "--from-start")


def test_a_keeper_killed_in_mid_stream_loses_nothing(machine: Machine) -> None:
    with receiving() as receiver:
        add(machine, "hook", receiver)
        write(machine, 1200)
        for _ in range(3):
            before = len(receiver.got)
            with keeper(machine) as process:
                wait_for(lambda: len(receiver.got) > before, "something arriving", seconds=60)  # noqa: B023
                process.kill()
        with keeper(machine):
            wait_for(lambda: cursor_of(machine, "hook") == 1201, "the whole log arriving", seconds=90)
        seen = receiver.positions
        assert sorted(set(seen)) == list(range(1201))
        assert list(dict.fromkeys(seen)) == sorted(set(seen)), "what comes twice apart, the order is kept"


def test_a_sink_that_hangs_delays_neither_sealing_nor_another(machine: Machine) -> None:
    """The one peer answers nothing for the whole of the test; the other gets everything meanwhile."""
    with receiving() as stuck, receiving() as fine:
        stuck.behaviours = [hangs] * 1000
        add(machine, "stuck", stuck)
        add(machine, "fine", fine)
        with keeper(machine):
            assert stuck.asked.wait(60)
            write(machine, 5)
            wait_for(lambda: 6 in fine.positions, "what was written meanwhile arriving at the other", seconds=60)
            assert not stuck.released.is_set()
            assert stuck.got == []


def test_sinks_come_and_go_while_the_keeper_runs(machine: Machine) -> None:
    with receiving() as receiver, keeper(machine):
        add(machine, "hook", receiver)
        wait_for(lambda: receiver.positions == [0], "the first entry arriving", seconds=60)
        machine.temps("sink", "pause", "--name", "hook")
        write(machine, 1)
        machine.temps("sink", "resume", "--name", "hook")
        wait_for(lambda: set(receiver.positions) == set(range(4)), "the rest arriving", seconds=60)
        machine.temps("sink", "remove", "--name", "hook")
        assert cursor_of(machine, "hook") is None


def test_two_keepers_at_once_do_no_harm(machine: Machine) -> None:
    with receiving() as receiver, keeper(machine), keeper(machine):
        add(machine, "hook", receiver)
        write(machine, 500)
        wait_for(lambda: cursor_of(machine, "hook") == 501, "the whole log arriving", seconds=90)
        assert receiver.positions == list(range(501))


def test_a_keeper_ends_when_it_is_told_to_although_a_peer_hangs(machine: Machine) -> None:
    with receiving() as stuck:
        stuck.behaviours = [hangs] * 1000
        add(machine, "stuck", stuck)
        with keeper(machine) as process:
            assert stuck.asked.wait(60)
            process.terminate()
            assert process.wait(30) == 0
