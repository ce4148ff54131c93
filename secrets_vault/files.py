"""What the commands read and write: bounded, private, and with one-line errors."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from secrets_vault.values import MAX_VALUE_BYTES
from temps.lib.errors import Conflict, Invalid
from temps.lib.files import create_private, replace_private


def read_input(name: str, limit: int) -> bytes:
    """The content of the file ``name`` (``-``: of standard input), one byte more than ``limit`` at most."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(limit + 1)
        with Path(name).open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise Invalid(f"cannot read {name}: {os.strerror(error.errno or 0)}", field="file") from None


def read_value(key: str) -> str:
    """A value from standard input without the line end that ``echo`` adds; asked for, unseen, at a terminal."""
    if sys.stdin.isatty():
        return getpass.getpass(f"value of {key}: ")
    data = sys.stdin.buffer.read(MAX_VALUE_BYTES + 3)
    if len(data) > MAX_VALUE_BYTES + len(b"\r\n"):
        raise Invalid(f"the value of {key} has more than {MAX_VALUE_BYTES} bytes", field="value")
    try:
        return data.removesuffix(b"\r\n" if data.endswith(b"\r\n") else b"\n").decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("the value on standard input is not text in UTF-8", field="value") from None


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file that nobody else can read: a new one, or in place of an old one whose own mode no longer counts."""
    try:
        if not path.parent.is_dir():
            raise Invalid(f"there is no directory {path.parent}", field="file")
        if replace:
            replace_private(path, content)
        elif not create_private(path, content):
            raise Conflict(f"there is {path} already: say --force to replace it", field="file")
    except OSError as error:
        raise Invalid(f"cannot write {path}: {os.strerror(error.errno or 0)}", field="file") from None
