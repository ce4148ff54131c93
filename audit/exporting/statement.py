"""What the log signs about an export: which entries it covers, for which days it was asked, and when it was made.

Without it, an old export could be passed off as one of later days: the entries and their proof say nothing of what was
asked for. The form is that of the other signed notes (``audit.proof.notes``), with a second line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from audit.masking import printable
from temps.lib import clock
from temps.lib.signing import BadSignature, Verifier, opened

_FORM = re.compile(
    r"(?P<origin>[^\n]+)\nexport (?P<export>\S+) (?P<format>\S+)\nentries (?P<first>\d{1,19}) (?P<end>\d{1,19})\n"
    r"days (?P<start_date>\S+) (?P<end_date>\S+)\nby (?P<label>[^\n]*)\ntime (?P<time>\S+)\n"
)


@dataclass(frozen=True, slots=True)
class ExportText:
    """At ``time`` the entries from position ``first`` up to but not including ``end`` were exported."""

    origin: str
    export: str
    format: str
    first: int
    end: int
    start_date: date
    end_date: date
    label: str
    """Who asked for it."""
    time: datetime

    def __str__(self) -> str:
        return (
            f"{self.origin}\nexport {self.export} {self.format}\nentries {self.first} {self.end}\n"
            f"days {self.start_date} {self.end_date}\nby {printable(self.label)}\ntime {clock.iso(self.time)}\n"
        )

    @classmethod
    def opened(cls, note: str, verifiers: Sequence[Verifier]) -> ExportText:
        """The statement in a signed note. Raises :class:`BadSignature`, also for what is none."""
        text = opened(note, verifiers)
        parts = _FORM.fullmatch(text)
        try:
            found = _from(parts) if parts else None
        except ValueError:
            found = None
        if found is None or str(found) != text or found.first > found.end:
            raise BadSignature("this is not a statement about an export")
        return found


def _from(parts: re.Match[str]) -> ExportText:
    return ExportText(
        origin=parts["origin"],
        export=parts["export"],
        format=parts["format"],
        first=int(parts["first"]),
        end=int(parts["end"]),
        start_date=date.fromisoformat(parts["start_date"]),
        end_date=date.fromisoformat(parts["end_date"]),
        label=parts["label"],
        time=datetime.fromisoformat(parts["time"]).astimezone(UTC),
    )
