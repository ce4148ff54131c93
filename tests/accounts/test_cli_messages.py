"""What the command line says to somebody who mistypes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


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
    ran = subprocess.run(
        [sys.executable, "-m", "temps", *arguments],
        capture_output=True,
        text=True,
        env={"TEMPS_DATA_DIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
    )
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert message in ran.stderr
    assert "two-8e1f" not in ran.stderr
