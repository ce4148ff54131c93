"""The newest checkpoint in a file beside the database, and copies of it where the operator wants them.

A database can be put back as it was a week ago, checkpoints and all; nothing inside it tells. The file does, as long as
it is not put back with it. ``TEMPS_CHECKPOINT_DIR`` names a further directory, on another disk or host, that gets the
newest checkpoint and keeps the last of each day.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import structlog
from django.conf import settings

from temps.lib import clock
from temps.lib.files import replace_private

log = structlog.get_logger(__name__)

NAME = "audit-checkpoint"


def witness_file() -> Path:
    return Path(settings.DATA_DIR) / NAME


def witnessed() -> str:
    """The note in the file; empty if there is none yet."""
    try:
        return witness_file().read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def keep(note: str) -> None:
    """Write the note of a checkpoint to the data directory and to the operator's.

    What a disk refuses is logged and tried again with the next checkpoint: the entries are sealed all the same.
    """
    places = [witness_file()]
    if settings.CHECKPOINT_DIR:
        directory = Path(settings.CHECKPOINT_DIR)
        places += [directory / NAME, directory / f"{NAME}-{clock.now():%Y-%m-%d}"]
    for place in places:
        try:
            replace_private(place, note.encode())
        except OSError as error:
            log.error("audit.checkpoint_not_kept", file=place.name, error=error.strerror or type(error).__name__)


def set_aside(size: int) -> Path | None:
    """Rename the file, so that a new one can begin; where the old one is now."""
    aside = witness_file().with_name(f"{NAME}-set-aside-{size}-{clock.now():%Y%m%dT%H%M%S}")
    with contextlib.suppress(FileNotFoundError):
        witness_file().rename(aside)
        return aside
    return None
