"""Durations as people write them: ``30d``, ``12h``, ``15m``, ``45s``, ``2w``."""

from __future__ import annotations

import re
from datetime import timedelta

from temps.lib.errors import Invalid

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=3650)
"""Ten years: longer is a slip, and dates beyond the year 9999 do not exist."""


def parse_duration(text: str, *, field: str = "expires_in") -> timedelta:
    """``text`` as a positive length of time. Raises :class:`Invalid` naming ``field``."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw])", text.strip().lower())
    if match is None:
        raise Invalid(f"'{text}' is not a duration: write 30d, 12h or 15m", field=field)
    duration = timedelta(**{UNITS[match[2]]: int(match[1])})
    if duration > LONGEST:
        raise Invalid(f"'{text}' is too long: ten years at most", field=field)
    return duration
