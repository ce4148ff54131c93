"""Proof that worker and scheduler live: a periodic task touches a file, and whoever asks reads its age.

A file in the data directory, because it must tell about the worker also when the database is what hangs.
"""

from __future__ import annotations

import time
from pathlib import Path

from django.conf import settings

LATE_AFTER = 60.0
"""Seconds without a sign of life until the worker counts as down; it beats every 15."""


def _file() -> Path:
    return Path(settings.DATA_DIR) / "worker-heartbeat"


def beat() -> None:
    _file().touch()


def age() -> float | None:
    """Seconds since the worker was last seen, None if it never was."""
    try:
        return max(0.0, time.time() - _file().stat().st_mtime)
    except FileNotFoundError:
        return None


def alive() -> bool:
    seconds = age()
    return seconds is not None and seconds < LATE_AFTER
