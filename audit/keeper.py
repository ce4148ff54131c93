"""The process that keeps the log: it seals what was written, and streams it.

One of the processes of ``temps up``. Everything it does is found anew in the database, so that it may die at any
moment, and two of them at once do no harm.
"""

from __future__ import annotations

import threading

import structlog
from django.db import Error, close_old_connections

from audit.proof import sealer
from audit.sinks import streams
from temps.lib.errors import TempsError

log = structlog.get_logger(__name__)

PAUSE = 1.0
"""Seconds between two looks: so long, at most, until an entry is sealed and a checkpoint signed."""
PAUSE_AFTER_FAILURE = 5.0


def keep(stop: threading.Event) -> None:
    """Seal and stream until ``stop`` is set.

    A failure is logged, noted where console and alerts see it, and tried again. The streams have threads of their own:
    sealing waits for no peer.
    """
    streaming = threading.Thread(target=streams.stream, args=(stop,), name="streams")
    streaming.start()
    try:
        while not stop.is_set() and streaming.is_alive():  # else the process ends, and is started again
            close_old_connections()
            stop.wait(PAUSE if _seal() else PAUSE_AFTER_FAILURE)
    finally:
        stop.set()
        streaming.join()


def _seal() -> bool:
    try:
        sealer.seal_everything()
    except TempsError as error:  # which the sealer has noted
        log.error("audit.not_sealed", reason=error.public_message)
        return False
    except Error as error:
        log.error("audit.not_sealed", reason=type(error).__name__)
        return False
    return True
