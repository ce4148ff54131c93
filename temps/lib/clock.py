"""The current time, in one place, so that tests can travel."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, aware and in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """``moment`` as RFC 3339 in UTC with milliseconds, the form of every time that leaves Temps."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
