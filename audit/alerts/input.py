"""What the commands read: an address that may be a secret never stands in an argument, where others would see it."""

from __future__ import annotations

import getpass
import sys

from temps.lib.errors import Invalid

LONGEST = 2000
"""Characters of a web address."""


def read_address() -> str:
    """A web address from standard input; asked for, unseen, at a terminal."""
    text = getpass.getpass("web address: ") if sys.stdin.isatty() else sys.stdin.readline(LONGEST + 2)
    if len(text.strip()) > LONGEST:
        raise Invalid(f"a web address has at most {LONGEST} characters", field="address")
    return text.strip()
