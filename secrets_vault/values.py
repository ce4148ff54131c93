"""What a variable may be called and what it may hold, checked where it enters."""

from __future__ import annotations

import re

from temps.lib.errors import Invalid

KEY = r"^[A-Za-z_][A-Za-z0-9_]*\Z"
"""A name (POSIX.1-2017, 3.235): what every shell and every process can hold. ``\\Z``, as ``$`` lets a newline pass."""

MAX_KEY = 255
MAX_REASON = 200
MAX_VALUE_BYTES = 64 * 1024
"""Of UTF-8. Linux takes at most 128 KiB for one string of a process's environment."""


def clean_key(key: str) -> str:
    """``key`` itself. Raises :class:`Invalid`, which does not repeat a text that may be a misplaced value."""
    if len(key) > MAX_KEY or not re.match(KEY, key):
        raise Invalid(
            f"a key has 1 to {MAX_KEY} letters, digits and underscores, and does not start with a digit", field="key"
        )
    return key


def clean_value(value: str, *, key: str) -> str:
    """``value`` itself. Raises :class:`Invalid`, naming ``key`` and showing nothing of the value."""
    if "\0" in value:
        raise Invalid(f"the value of {key} holds a NUL character, which no process environment can", field="value")
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        raise Invalid(f"the value of {key} is not text in UTF-8", field="value") from None
    if size > MAX_VALUE_BYTES:
        raise Invalid(f"the value of {key} has {size} bytes, more than {MAX_VALUE_BYTES}", field="value")
    return value


def clean_reason(reason: str) -> str:
    """``reason`` without blanks around it, on one line."""
    reason = " ".join(reason.split())
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise Invalid(f"a reason has at most {MAX_REASON} printable characters", field="reason")
    return reason
