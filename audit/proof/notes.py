"""What is signed: checkpoints, and the statements that entries were retired, or redacted.

A checkpoint is the one of C2SP (https://c2sp.org/tlog-checkpoint): origin, size and root in lines of their own, then,
as its extension, the time. The statements have the same form with other second lines, so that none passes for another.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.proof.merkle import HASH_BYTES
from temps.lib import clock
from temps.lib.signing import BadSignature, Verifier, opened

RETIRED = "retired"
REDACTED = "redacted"


@dataclass(frozen=True, slots=True)
class CheckpointText:
    """At ``time`` the log ``origin`` had ``size`` entries, and its tree had this ``root``."""

    origin: str
    size: int
    root: bytes
    time: datetime

    def __str__(self) -> str:
        root = base64.b64encode(self.root).decode("ascii")
        return f"{self.origin}\n{self.size}\n{root}\ntime {clock.iso(self.time)}\n"

    @classmethod
    def opened(cls, note: str, verifiers: Sequence[Verifier]) -> CheckpointText:
        """The checkpoint in a signed note. Raises :class:`BadSignature`, also for what is no checkpoint."""
        try:
            origin, size, root, time = opened(note, verifiers).splitlines()
            return cls(origin, _number(size), _root(root), _time(time))
        except ValueError:
            raise BadSignature("this is not a checkpoint of an audit log") from None


@dataclass(frozen=True, slots=True)
class RetirementText:
    """At ``time`` the entries from position ``first`` to ``last`` were removed because they had had their time."""

    origin: str
    first: int
    last: int
    time: datetime

    def __str__(self) -> str:
        return f"{self.origin}\n{RETIRED}\n{self.first} {self.last}\ntime {clock.iso(self.time)}\n"

    @classmethod
    def opened(cls, note: str, verifiers: Sequence[Verifier]) -> RetirementText:
        """The statement in a signed note. Raises :class:`BadSignature`, also for what is none."""
        try:
            origin, kind, range_, time = opened(note, verifiers).splitlines()
            first, last = (_number(part) for part in range_.split(" "))
            found = cls(origin, first, last, _time(time))
        except ValueError:
            raise BadSignature("this is not a statement about retired entries") from None
        if kind != RETIRED or first > last:
            raise BadSignature("this is not a statement about retired entries")
        return found


@dataclass(frozen=True, slots=True)
class RedactionText:
    """At ``time``, as the ``number``-th statement of its kind (from 1, without gaps), ``count`` entries were redacted.

    ``root`` is that over what they say since then (:func:`audit.proof.redactions.covered`), by position. Where two
    statements are about the same entry, the later number counts.
    """

    origin: str
    number: int
    count: int
    root: bytes
    time: datetime

    def __str__(self) -> str:
        root = base64.b64encode(self.root).decode("ascii")
        return f"{self.origin}\n{REDACTED}\n{self.number} {self.count}\n{root}\ntime {clock.iso(self.time)}\n"

    @classmethod
    def opened(cls, note: str, verifiers: Sequence[Verifier]) -> RedactionText:
        """The statement in a signed note. Raises :class:`BadSignature`, also for what is none."""
        try:
            origin, kind, how_many, root, time = opened(note, verifiers).splitlines()
            number, count = (_number(part) for part in how_many.split(" "))
            found = cls(origin, number, count, _root(root), _time(time))
        except ValueError:
            raise BadSignature("this is not a statement about redacted entries") from None
        if kind != REDACTED or not number or not count:
            raise BadSignature("this is not a statement about redacted entries")
        return found


def _root(text: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError(text) from None
    if len(root) != HASH_BYTES:
        raise ValueError(text)
    return root


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.removeprefix("time ")).astimezone(UTC)


def _number(text: str) -> int:
    """A decimal number as it is written, without sign or leading zeros."""
    number = int(text)
    if str(number) != text or number < 0:
        raise ValueError(text)
    return number
