from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit.proof.test_killing import database_url as database_url
from tests.audit.redaction import killed_redactions


@pytest.mark.promise("A-14", "L-04")
def test_a_redaction_that_is_killed_leaves_all_or_nothing(database_url: str, tmp_path: Path) -> None:
    environment = {"TEMPS_DATA_DIR": str(tmp_path / "own"), "DATABASE_URL": database_url, "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "-m", killed_redactions.__name__, "2024"],
        env=os.environ | environment | {"DJANGO_SETTINGS_MODULE": "temps.settings"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["states"]) <= {"all", "nothing"}
    assert found["statements"] == 0
    assert "nothing" in found["states"]  # else nothing was interrupted, and the test would show nothing
