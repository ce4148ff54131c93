"""The time of an entry as other formats want it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def milliseconds(timestamp: str) -> int:
    """Whole milliseconds since 1970 (UTC) at ``timestamp``, the ISO 8601 text of an entry."""
    moment = datetime.fromisoformat(timestamp)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return (moment - EPOCH) // MILLISECOND
