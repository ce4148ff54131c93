"""What the command line says to somebody who mistypes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import peers

pytestmark = pytest.mark.once


def temps(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "temps", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("project", "create"), "error: Missing option '--name' (temps project create --help says more)\n"),
        (("project", "lst"), "error: No such command 'lst'. Did you mean 'list'? (temps project --help says more)\n"),
        (("env", "set", "--project", "a", "--key", "B", "--value", "one", "two-8e1f"), "quotes"),
    ],
)
def test_a_mistake_is_told_in_one_line_that_repeats_no_value(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    ran = temps(*arguments, TEMPS_DATA_DIR=str(tmp_path))
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert message in ran.stderr
    assert "two-8e1f" not in ran.stderr


def test_a_database_that_is_away_is_one_line(tmp_path: Path) -> None:
    url = f"postgresql://temps:pass-5f2c@127.0.0.1:{peers.free_port()}/temps"
    ran = temps("audit", "logs", TEMPS_DATA_DIR=str(tmp_path), DATABASE_URL=url)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert ran.stderr.startswith("error: the database cannot be used: ")
    assert "pass-5f2c" not in ran.stderr


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "temps.sqlite3").write_bytes(b"not a database at all" * 100)
    ran = temps("project", "list", TEMPS_DATA_DIR=str(tmp_path))
    assert (ran.returncode, ran.stderr) == (1, "error: the database cannot be used: file is not a database\n")


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = temps("project", "list", TEMPS_DATA_DIR=str(tmp_path / "file" / "data"))
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert ran.stderr.startswith("error: the data directory cannot be used: Not a directory")


@pytest.mark.promise("L-04")
def test_verifying_a_file_makes_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text("{}")
    home = tmp_path / "home"
    ran = temps("audit", "verify", "--public-key", "k", str(tmp_path / "log.json"), HOME=str(home))
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: ")
    assert not home.exists()
