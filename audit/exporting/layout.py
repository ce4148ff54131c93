"""Reading the files of an export line by line: where the entries are, where the proof, and nothing besides.

The files are held to the very layout that Temps writes. A JSON document has many spellings of the same content, and
some (a name given twice) that two readers understand differently; an auditor should not have to know which.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from audit.exporting import document, proof
from audit.exporting.formats import FORMATS
from audit.exporting.statement import ExportText
from audit.models import ExportFormat
from audit.proof.merkle import HASH_BYTES
from audit.proof.tiles import TILE, split

LINE_LIMIT = 1 << 20
"""Bytes of a line; an entry has a few thousand."""
_MIDDLE = document.middle(0).encode().partition(b"0")[0]
_PROOF = document.middle(0).encode().partition(b"0")[2]


class Malformed(Exception):
    """The file is not laid out as Temps writes it."""


@dataclass(slots=True)
class Proof:
    """The head of a proof, not yet checked against anything, and where its hashes begin."""

    export: str
    peaks: list[bytes] = field(default_factory=list)
    before: str = ""
    checkpoints: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    rewritten: list[list[tuple[int, bytes]]] = field(default_factory=list)
    """What each of the statements in ``redacted`` is about: positions, and the hashes of the entries there."""
    path: Path = Path()
    leaves_at: int = 0
    ending: str = ""

    def leaves(self, first: int, end: int) -> Iterator[bytes]:
        """The hashes of the entries from ``first`` to ``end``, then the end of the file."""
        with self.path.open("rb") as file:
            file.seek(self.leaves_at)
            while first < end:
                count = min(TILE - first % TILE, end - first)
                first += count
                yield from _hashes(_item(file, last=first == end), count)
            if _line(file) != proof.END + self.ending or file.read(1):
                raise Malformed("the proof does not end where it should")


def read_proof(path: Path, offset: int = 0, ending: str = "") -> Proof:
    """The proof in ``path``, which begins at ``offset`` and is followed by ``ending``."""
    with path.open("rb") as file:
        file.seek(offset)
        form = _line(file)
        if form not in (proof.opening(), proof.opening(proof.BEFORE_REDACTIONS)):
            raise Malformed("there is no proof of an export in it")
        export = _member(file, "export")
        peaks = _member(file, "peaks")
        before = _member(file, "before")
        if not isinstance(export, str) or not isinstance(peaks, list) or not isinstance(before, str | None):
            raise Malformed("the proof is not laid out as Temps writes it")
        found = Proof(export, [one for peak in peaks for one in _hashes(peak, 1)], before or "", path=path)
        found.checkpoints = list(_list(file, "checkpoints"))
        found.retired = list(_list(file, "retired"))
        if form == proof.opening():
            found.redacted = list(_list(file, "redacted"))
            found.rewritten = [_rewritten(item) for item in _list(file, "rewritten")]
        if _line(file) != '"leaves":[':
            raise Malformed("the proof is not laid out as Temps writes it")
        found.leaves_at, found.ending = file.tell(), ending
    return found


def find_middle(path: Path) -> int | None:
    """Where in a JSON export its proof begins; None if this is no JSON export."""
    with path.open("rb") as file:
        if not file.readline(LINE_LIMIT).startswith(f'{{"format":"{document.FORMAT}"'.encode()):
            return None
        while line := file.readline(LINE_LIMIT):
            if line.startswith(b"]"):
                return file.tell() - len(line) + line.find(_PROOF) + len(_PROOF)
    raise Malformed("it ends before its proof: the file was cut off")


def entry_lines(path: Path, statement: ExportText) -> Iterator[str]:
    """The entries of the file as they stand there, without line ends."""
    with path.open("rb") as file:
        if statement.format == ExportFormat.JSON:
            yield from _in_document(file, statement)
            return
        form = FORMATS[statement.format]
        if form.opening and _record(file, form.newline) != form.opening:
            raise Malformed("the first line is not that of such an export")
        while line := _record(file, form.newline):
            yield line


def _in_document(file: BinaryIO, statement: ExportText) -> Iterator[str]:
    if _line(file) != document.opening(statement):
        raise Malformed("its first line does not say what the signed statement says")
    count, line = 0, _line(file)
    while not line.startswith("]"):
        following = _line(file)
        last = following.startswith("]")
        if line.endswith(",") is last:
            raise Malformed("the entries are not separated as Temps does it")
        yield line if last else line[:-1]
        count, line = count + 1, following
    if not line.startswith(document.middle(count)):
        raise Malformed(f"it holds {count} entries and says otherwise")


def _record(file: BinaryIO, newline: str) -> str:
    """A line, or the lines of a CSV record that has line ends within quotes. Empty at the end of the file."""
    data = file.readline(LINE_LIMIT)
    if newline != "\n":
        while data.count(b'"') % 2 and len(data) < LINE_LIMIT and (more := file.readline(LINE_LIMIT)):
            data += more
    if not data:
        return ""
    if data == newline.encode() or not data.endswith(newline.encode()):
        raise Malformed("a line is empty or does not end as it should")
    return _text(data).removesuffix(newline)


def _line(file: BinaryIO) -> str:
    data = file.readline(LINE_LIMIT)
    if not data.endswith(b"\n"):
        raise Malformed("a line does not end: the file was cut off, or was not written by Temps")
    return _text(data)[:-1]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed("it holds something that is not UTF-8") from None


def _member(file: BinaryIO, name: str) -> Any:
    line = _line(file)
    try:
        value = orjson.loads(line.removeprefix(f'"{name}":').removesuffix(","))
    except orjson.JSONDecodeError:
        value = Ellipsis
    if value is Ellipsis or proof.member(name, value) != line:
        raise Malformed("the proof is not laid out as Temps writes it")
    return value


def _list(file: BinaryIO, name: str) -> Iterator[str]:
    if _line(file) != f'"{name}":[':
        raise Malformed("the proof is not laid out as Temps writes it")
    line = _line(file)
    while line != "],":
        following = _line(file)
        yield _string(line, last=following == "],")
        line = following


def _item(file: BinaryIO, *, last: bool) -> str:
    return _string(_line(file), last=last)


def _string(line: str, *, last: bool) -> str:
    try:
        value = orjson.loads(line if last else line.removesuffix(","))
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, str) or proof.text(value) + ("" if last else ",") != line:
        raise Malformed("the proof is not laid out as Temps writes it")
    return value


def _rewritten(encoded: str) -> list[tuple[int, bytes]]:
    length = 8 + HASH_BYTES
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or len(data) % length or proof.encoded([data]) != encoded:
        raise Malformed("the proof is not laid out as Temps writes it")
    rows = [data[at : at + length] for at in range(0, len(data), length)]
    return [(int.from_bytes(row[:8], "big"), row[8:]) for row in rows]


def _hashes(encoded: Any, count: int) -> list[bytes]:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, TypeError, ValueError):
        data = b""
    hashes = split(data)
    if len(data) != count * HASH_BYTES or proof.encoded(hashes) != encoded:
        raise Malformed("the proof holds another number of hashes than it should")
    return hashes
