"""What an outsider needs besides the entries, in lines: written and read without ever holding all of it.

It is one JSON document: the signed statement about the export, the peaks of the tree before the first entry, the signed
checkpoints at both ends and some between, statements about retired and redacted entries, and the hash of every entry as
it was sealed, one tile (256 hashes) a line. The hashes prove nothing by themselves: they lead from the peaks to the
signed roots, and name the first entry that differs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from audit.models import Checkpoint, RedactedEntry, Redaction, Retirement, Tile
from audit.proof.tiles import TILE, MissingHash, Tiles, split

FORMAT = "temps-audit-proof/2"
BEFORE_REDACTIONS = "temps-audit-proof/1"
"""As it was written before there were redactions; such files verify for ever."""
APART = TILE
"""Entries between two of the checkpoints that are carried, at least."""
READ = 64
"""Tiles in memory at a time."""
END = "]}"


def lines(statement: str, first: int, end: int) -> Iterator[str]:
    """The document for the entries from ``first`` to ``end``, line by line without line ends.

    Raises :class:`MissingHash` when the stored tree lacks a hash.
    """
    before = Checkpoint.objects.filter(size=first).values_list("note", flat=True).first() if first else None
    if first and before is None:
        raise MissingHash(f"the checkpoint at entry {first} is gone")
    peaks = [encoded([peak]) for peak in Tiles().frontier(first).peaks]
    yield opening()
    yield member("export", statement)
    yield member("peaks", peaks)
    yield member("before", before)
    yield from _list("checkpoints", _checkpoints(first, end))
    touching = Retirement.objects.filter(first__lt=end, last__gte=first).order_by("first", "id")
    yield from _list("retired", iter(touching.values_list("note", flat=True)))
    touched = RedactedEntry.objects.filter(position__gte=first, position__lt=end).values("redaction").distinct()
    numbers = list(touched.order_by("redaction").values_list("redaction", flat=True))
    yield from _list("redacted", (Redaction.objects.get(number=number).note for number in numbers))
    yield from _list("rewritten", (_rewritten(number) for number in numbers))
    yield from _list("leaves", (encoded(hashes) for hashes in leaves(first, end)), last=True)


def opening(form: str = FORMAT) -> str:
    return f'{{"format":"{form}",'


def member(name: str, value: Any) -> str:
    return f"{text(name)}:{text(value)},"


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encoded(hashes: list[bytes]) -> str:
    return base64.b64encode(b"".join(hashes)).decode("ascii")


def _rewritten(number: int) -> str:
    """What one statement is about: of each entry its position, as eight bytes, and its hash."""
    rows = RedactedEntry.objects.filter(redaction=number).order_by("position").values_list("position", "leaf")
    return encoded([position.to_bytes(8, "big") + bytes(leaf) for position, leaf in rows])


def _list(name: str, items: Iterator[str], *, last: bool = False) -> Iterator[str]:
    """A list, one item a line, so that it can be read an item at a time."""
    yield f"{text(name)}:["
    held: str | None = None
    for item in items:
        if held is not None:
            yield held + ","
        held = text(item)
    if held is not None:
        yield held
    yield END if last else "],"


def _checkpoints(first: int, end: int) -> Iterator[str]:
    """The notes after ``first``, at least :data:`APART` entries from one to the next, and always that of ``end``."""
    size = first
    while size < end:
        rows = Checkpoint.objects.filter(size__gte=size + APART, size__lt=end).order_by("size")
        found = rows.first() or Checkpoint.objects.filter(size=end).first()
        if found is None:
            raise MissingHash(f"the checkpoint at entry {end} is gone")
        yield found.note
        size = found.size


def leaves(first: int, end: int) -> Iterator[list[bytes]]:
    """The hashes of the entries from ``first`` to ``end``, one tile or the part of it that is asked for at a time."""
    stop = -(-end // TILE)
    for start in range(first // TILE, stop if first < end else 0, READ):
        stored = dict(
            Tile.objects.filter(level=0, index__gte=start, index__lt=start + READ).values_list("index", "hashes")
        )
        for index in range(start, min(start + READ, stop)):
            begin = index * TILE
            hashes = split(bytes(stored.get(index, b"")))[: end - begin]
            if len(hashes) != min(TILE, end - begin):
                raise MissingHash(f"the stored tree lacks hashes in tile 0/{index}")
            yield hashes[max(0, first - begin) :]
