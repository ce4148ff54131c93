from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit.exporting import killed_exports
from tests.audit.proof.test_killing import database_url  # noqa: F401  (a fixture)


@pytest.mark.promise("L-06")
def test_killed_exports_leave_no_half_file_and_end_well(database_url: str, tmp_path: Path) -> None:  # noqa: F811
    environment = {"TEMPS_DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "-m", killed_exports.__name__, "2024"],
        env=os.environ | environment | {"DJANGO_SETTINGS_MODULE": "temps.settings"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["finally"] == {"done, whole": killed_exports.ROUNDS}
    # Killed before its end, it leaves no file, or the whole one that it was about to call done.
    allowed = {"pending, no file", "running, no file", "running, whole", "done, whole"}
    assert found["killed"].keys() <= allowed, found
    assert found["killed"]["running, no file"] > 5  # else nothing was interrupted, and the test would show nothing
