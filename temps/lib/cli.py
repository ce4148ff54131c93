"""What the commands print: aligned tables for people, JSON for programs, one line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_json(data: Any) -> None:
    print(json.dumps(data, indent=2, default=str, ensure_ascii=False))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table on standard output, or the sentence ``empty`` on standard error when there are no rows.

    Cells are data: control characters are shown as blanks and no markup is read. In a pipe the table is never cut to
    the width of a terminal that is not there.
    """
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    count = 0
    for row in rows:
        count += 1
        table.add_row(*(Text(printable(cell)) for cell in row))
    if not count:
        print(empty, file=sys.stderr)
        return
    console = Console(width=None if sys.stdout.isatty() else 500, highlight=False)
    console.print(table)


def printable(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return "".join(character if character.isprintable() else " " for character in text)
