"""``temps`` as people start it: real processes, a data directory on disk, SQLite in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

Temps = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def temps(tmp_path_factory: pytest.TempPathFactory) -> Temps:
    """A Temps of its own with a project ``shop``."""
    home = tmp_path_factory.mktemp("data")
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "VIRTUAL_ENV")}

    def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "temps", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=keep | {"TEMPS_DATA_DIR": str(home), "HOME": str(home)} | environment,
            cwd=Path(__file__).parents[2],
        )

    assert run("migrate").returncode == 0
    assert run("project", "create", "--name", "shop").returncode == 0
    assert (
        run("env", "import", "--project", "shop", "--file", "-", "--encrypted", stdin="A=1\nB='x\ny'\n").returncode == 0
    )
    return run


@pytest.mark.promise("S-09")
def test_a_program_runs_with_the_variables_on_top_of_what_it_would_have(temps: Temps) -> None:
    script = "import os; print([os.environ.get(name) for name in ('A', 'B', 'MINE', 'TZ', 'DJANGO_SETTINGS_MODULE')])"
    ran = temps("run", "--project", "shop", "--", sys.executable, "-c", script, MINE="kept", TZ="Asia/Tokyo", A="0")
    assert (ran.stdout, ran.stderr) == ("['1', 'x\\ny', 'kept', 'Asia/Tokyo', None]\n", "")


@pytest.mark.promise("S-09")
def test_exit_status_signals_and_arguments_are_the_programs_own(temps: Temps) -> None:
    assert temps("run", "--project", "shop", "--", "sh", "-c", "exit 7").returncode == 7
    assert temps("run", "--project", "shop", "--", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
    ran = temps("run", "--project", "shop", "--", "printf", "%s|", "--settings", "x", "--help", "--", "-v")
    assert ran.stdout == "--settings|x|--help|--|-v|"
    piped = temps("run", "--project", "shop", "--", "sh", "-c", "yes | head -n 1; kill -PIPE $$")
    assert (piped.stdout, piped.returncode) == ("y\n", -signal.SIGPIPE)


@pytest.mark.promise("S-09")
def test_what_cannot_be_run_is_one_line_and_exit_status_1(temps: Temps) -> None:
    ran = temps("run", "--project", "shop", "--", "no-such-program")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "error: there is no program 'no-such-program' to run\n"


def test_no_variable_chooses_the_program_and_the_token_is_not_handed_on(temps: Temps, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("#!/bin/sh\necho hijacked\n")
    (tmp_path / "env").chmod(0o755)
    temps("project", "create", "--name", "paths")
    temps("env", "set", "--project", "paths", "--key", "PATH", "--value", str(tmp_path))
    ran = temps("run", "--project", "paths", "--", "env", TEMPS_TOKEN="hunter2")
    assert f"PATH={tmp_path}" in ran.stdout.splitlines()
    assert "hijacked" not in ran.stdout
    assert "hunter2" not in ran.stdout


@pytest.mark.promise("S-02", "S-09")
def test_without_the_key_nothing_is_started_and_the_key_is_named(temps: Temps, tmp_path: Path) -> None:
    ran = temps("run", "--project", "shop", "--", "sh", "-c", 'cat "$TEMPS_DATA_DIR/encryption_key"')
    key_file = tmp_path / "kept"
    key_file.write_text(ran.stdout)
    home = temps("run", "--project", "shop", "--", "printenv", "TEMPS_DATA_DIR").stdout.strip()
    path = Path(home) / "encryption_key"
    path.unlink()
    try:
        refused = temps("run", "--project", "shop", "--", "echo", "started")
    finally:
        path.write_text(key_file.read_text())
        path.chmod(0o600)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("error: the database holds data sealed by the encryption key ")
    assert refused.stderr.count("\n") == 1
    assert temps("run", "--project", "shop", "--", "echo", "started").stdout == "started\n"


def test_writers_at_the_same_time_each_make_a_version(temps: Temps) -> None:
    def write(number: int) -> Any:
        return temps("env", "set", "--project", "shop", "--env", "staging", "--key", "A", "--value", str(number))

    with ThreadPoolExecutor(3) as pool:
        said = sorted(ran.stdout for ran in pool.map(write, range(3)))
    assert said == ["changed A in shop/staging (encrypted, version 2)\n", *said[1:2], *said[2:]]
    assert [line.rsplit("version ", 1)[1] for line in said] == ["2)\n", "3)\n", "1)\n"]


def test_a_misspelt_option_does_not_repeat_the_value(temps: Temps) -> None:
    ran = temps("env", "set", "--project", "shop", "--key", "A", "--valeu=hunter2")
    assert ran.returncode != 0
    assert "hunter2" not in ran.stdout + ran.stderr
