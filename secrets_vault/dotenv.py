"""Files of environment variables: read without guessing, written so that every reader gets the same values.

There is no standard; this is the common core of what docker, compose, node and python read, with every doubtful case
refused instead of guessed:

* One ``KEY=value`` a line, blanks around ``=`` allowed, ``export`` before it allowed. Empty lines and lines that start
  with ``#`` say nothing. A byte-order mark is dropped. Line ends are LF, or CRLF if the first one is.
* A bare value is taken as it stands up to the end of the line: ``=``, ``$``, quotes and backslashes inside it are
  themselves. Blanks around it are dropped, and ``#`` after a blank starts a comment.
* In single quotes everything is itself, line breaks included.
* In double quotes line breaks are themselves too, and ``\\n \\r \\t \\\\ \\" \\$ \\``` stand for one character; before
  anything else a backslash is itself, as in a shell.
* ``$NAME`` is never replaced: a password may hold a dollar sign.
* A key that comes twice is refused, since readers disagree about which one holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from temps.lib.errors import Invalid

HEADER = "# Written by Temps, for dotenv readers and POSIX shells.\n"
"""Its line end is the first of the file, so that a CR inside a value that follows is read as part of the value."""

MAX_BYTES = 1024 * 1024

_NOTHING = re.compile(r"[ \t\r]*(?:#[^\n]*)?(?:\n|\Z)")
_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=")
_OPENING = re.compile(r"""[ \t]*(['"])""")
_COMMENT = re.compile(r"[ \t]#.*")
_QUOTED = {"'": re.compile(r"([^']*)'"), '"': re.compile(r'([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)}
_AFTER_QUOTE = re.compile(r"(?:[ \t]+#[^\n]*)?[ \t\r]*(?:\n|\Z)")
_ESCAPE = re.compile(r'\\([nrt\\"$`])')
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_QUOTE_NAMES = {"'": "single", '"': "double"}

_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*\Z")
_NEEDS_ESCAPING = re.compile(r'[\\"$`]')


def decode(data: bytes) -> str:
    """The text of a file. Raises :class:`Invalid` when it is too large or not UTF-8."""
    if len(data) > MAX_BYTES:
        raise Invalid(f"the file has more than {MAX_BYTES} bytes")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Invalid("the file is UTF-16 (PowerShell writes that): save it as UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Invalid(f"line {line}: this is not UTF-8 text") from None


def parse(text: str) -> dict[str, str]:
    """The variables of a file, in its order.

    Raises :class:`Invalid` naming the line, and never showing it: it may hold a secret.
    """
    text = _with_plain_line_ends(text.removeprefix("\ufeff"))
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    position, line = 0, 1
    while position < len(text):
        start = position
        if nothing := _NOTHING.match(text, position):
            position = nothing.end()
        else:
            key, value, position = _assignment(text, position, line)
            if key in values:
                raise Invalid(f"line {line}: {key} is in line {lines[key]} already")
            values[key], lines[key] = value, line
        line += text.count("\n", start, position)
    return values


def write(values: Mapping[str, str]) -> str:
    """A file that :func:`parse` and ``source`` in a shell turn into exactly these values."""
    return HEADER + "".join(f"{key}={_quoted(value)}\n" for key, value in values.items())


def _with_plain_line_ends(text: str) -> str:
    end = text.find("\n")
    return text.replace("\r\n", "\n") if end > 0 and text[end - 1] == "\r" else text


def _assignment(text: str, position: int, line: int) -> tuple[str, str, int]:
    """One assignment: its key, its value, and where the next line starts."""
    assignment = _ASSIGNMENT.match(text, position)
    if assignment is None:
        raise Invalid(f"line {line}: this is not KEY=value")
    opening = _OPENING.match(text, assignment.end())
    if opening:
        value, position = _quoted_value(text, opening.end(), opening[1], line)
    else:
        value, position = _bare_value(text, assignment.end(), line)
    if "\0" in value:
        raise Invalid(f"line {line}: the value holds a NUL character, which no process environment can")
    return assignment[1], value, position


def _bare_value(text: str, position: int, line: int) -> tuple[str, int]:
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    value = _COMMENT.sub("", text[position:end], count=1).strip(" \t\r")
    if "\r" in value:
        raise Invalid(f"line {line}: there is a carriage return inside the value; put the value in quotes")
    return value, end + 1


def _quoted_value(text: str, position: int, quote: str, line: int) -> tuple[str, int]:
    quoted = _QUOTED[quote].match(text, position)
    if quoted is None:
        raise Invalid(f"line {line}: the {_QUOTE_NAMES[quote]} quote that opens here is never closed")
    value = quoted[1]
    after = _AFTER_QUOTE.match(text, quoted.end())
    if after is None:
        closing = line + value.count("\n")
        raise Invalid(f"line {closing}: something follows the quote that closes the value of line {line}")
    if quote == '"':
        value = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), value)
    return value, after.end()


def _quoted(value: str) -> str:
    if not value or _NEEDS_NO_QUOTES.match(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    # A line break stays itself: a shell knows no \n in double quotes.
    return '"' + _NEEDS_ESCAPING.sub(lambda found: "\\" + found[0], value) + '"'
