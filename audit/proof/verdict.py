"""What verifying the log finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """``position`` is that of the first entry concerned; None where it is not about a sealed entry."""

    what: str
    position: int | None = None
    event: str = ""

    def __str__(self) -> str:
        event = f" ({self.event})" if self.event else ""
        return self.what if self.position is None else f"entry {self.position}{event} {self.what}"


@dataclass(slots=True)
class Verdict:
    """What was found. No problem means that every entry is as it was when it was sealed, or redacted since."""

    origin: str = ""
    size: int = 0
    """Entries that the log should have."""
    verified: int = 0
    """Entries that are as they were sealed."""
    redacted: int = 0
    """Entries that are as they were redacted, for an erased person, under a signed statement."""
    redacted_at: datetime | None = None
    """The time of the newest such statement."""
    retired: int = 0
    unsealed: int = 0
    """Entries that wait to be sealed, of which nothing can be said yet."""
    checkpoints: int = 0
    signed_at: datetime | None = None
    """The time of the newest checkpoint that fits."""
    problems: list[Problem] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    """Those that were asked for, as they were when they were found to be as sealed."""

    @property
    def whole(self) -> bool:
        return not self.problems


class Wrong(Exception):
    """The walk ends here."""

    def __init__(self, what: str, position: int | None = None, event: str = "") -> None:
        super().__init__(what)
        self.problem = Problem(what, position, event)
