"""Other people on the same machine."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once


@pytest.mark.promise("S-01")
def test_others_on_the_machine_read_nothing_of_the_data_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # as an administrator may have made it
    environment = {"PATH": os.environ["PATH"], "TEMPS_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "temps", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environment, check=True, umask=0o022)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert "temps.sqlite3" in modes
    assert set(modes.values()) == {0o600}
