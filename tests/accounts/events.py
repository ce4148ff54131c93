"""What the audit log tells of an operation."""

from __future__ import annotations

from typing import Any

from audit.reading import visible_events
from temps.lib.actor import Actor


def entries(operation: str) -> list[dict[str, Any]]:
    """The entries of ``operation``, newest first."""
    return [event.as_entry() for event in visible_events(Actor.operator()).filter(operation=operation).order_by("-id")]
