from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit import triggers
from tests.audit.redaction.made import OLIVIA, a_life


@pytest.fixture(autouse=True)
def log(data_dir: Path, db: None) -> Iterator[None]:
    """Twelve sealed entries, eight of which name Olivia, under the triggers of a real database."""
    a_life(OLIVIA)
    triggers.install()
    yield
    triggers.drop()
