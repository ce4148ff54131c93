from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.audit.proof import killed_sealers


@pytest.fixture
def database_url(tmp_path: Path, db: None) -> Iterator[str]:
    """A fresh database of the kind that the suite runs on, for programs that the test starts."""
    if connection.vendor == "sqlite":
        yield ""
        return
    url, name = os.environ["TEMPS_TEST_DATABASE_URL"], f"killed_{os.getpid()}"
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{url.rpartition('/')[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.promise("L-04")
def test_fifty_sealers_are_killed_and_no_entry_is_lost_or_sealed_twice(database_url: str, tmp_path: Path) -> None:
    environment = {"TEMPS_DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "-m", killed_sealers.__name__, "2024"],
        env=os.environ | environment | {"DJANGO_SETTINGS_MODULE": "temps.settings"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("unfinished") > 5  # else nothing was interrupted, and the test would show nothing
    assert found == {"lost": 0, "positions": True, "problems": []}
