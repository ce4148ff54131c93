"""The current time, in one place, so that tests can travel."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, aware and in UTC."""
    return datetime.now(UTC)


def iso_exact(moment: datetime) -> str:
    """As :func:`iso`, with microseconds: all that the databases store, for what is hashed."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def iso(moment: datetime) -> str:
    """``moment`` as RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
