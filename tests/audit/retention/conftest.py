from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from temps.lib import clock
from tests.audit.proof.made import seal
from tests.audit.retention.made import write


@pytest.fixture(autouse=True)
def log(data_dir: Path) -> None:
    """Twenty entries of a hundred days ago, ten of each of two projects in turn, and five of today."""
    with time_machine.travel(clock.now() - timedelta(days=100)):
        for _ in range(10):
            write(1, "shop")
            write(1, "blog")
        seal()
    write(5, "shop")
    seal()
