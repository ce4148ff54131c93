"""Diffs as they stand in an event: ``changes`` of what it is about, ``alsoChanged`` of what changed beside it.

They never make a change fail for their size. What does not fit is said to be too long, and stands in auditlog's table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from audit.diffs.identity import Identity
from audit.diffs.noticed import Diff, Noticed

TOO_LONG = "[too long]"
SHORT = 200
"""Bytes of JSON that a value may have where room is scarce."""
NAMES = ("changes", "alsoChanged", "alsoChangedCount")
"""What stands in the metadata; ``record`` alone sets them."""


def in_metadata(found: Sequence[Noticed], about: Identity, room: int) -> dict[str, Any]:
    """The fullest telling of ``found`` that has at most ``room`` bytes of JSON; an empty one at worst."""
    own: Diff = {}
    beside = []
    for one in found:
        if one.resource == about:
            _merge(own, one.diff)
        else:
            beside.append(one)
    return next((told for told in _tellings(own, beside) if _size(told) <= room), {})


def _tellings(own: Diff, beside: list[Noticed]) -> Iterator[dict[str, Any]]:
    """From the fullest to the shortest."""
    yield _telling(own, beside, len(beside))
    shortened = {name: [_shortened(value) for value in pair] for name, pair in own.items()}
    yield _telling(own, beside, 10)
    yield _telling(shortened, beside, 3)
    yield _telling(shortened, beside, 0)
    yield _telling(dict.fromkeys(own, TOO_LONG), beside, 0)
    yield _telling(TOO_LONG if own else {}, beside, 0)


def _telling(own: Any, beside: list[Noticed], most: int) -> dict[str, Any]:
    told: dict[str, Any] = {"changes": own} if own else {}
    if beside[:most]:
        told["alsoChanged"] = [
            {"resourceType": one.resource[0], "resourceId": one.resource[1], "changes": one.diff}
            for one in beside[:most]
        ]
    if len(beside) > most:
        told["alsoChangedCount"] = len(beside)
    return told


def _merge(diff: Diff, later: Diff) -> None:
    """Two saves of one object make one change: from before the first to after the last."""
    for name, (before, after) in later.items():
        diff[name] = [diff[name][0] if name in diff else before, after]


def _shortened(value: Any) -> Any:
    return TOO_LONG if _size(value) > SHORT else value


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
