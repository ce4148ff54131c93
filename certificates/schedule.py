"""When to try: renewals before they are needed, and failures ever more rarely (C-03).

Everything is spread by chance, so that certificates made on one day are not all renewed on another.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 2 * 60, 8 * 60, 24 * 60))
"""After the first, second, ... failure in a row. Stays below the five failed validations per hour and name that Let's
Encrypt allows, with room for tries that a person asks for."""

SHORT_LIFETIME = timedelta(days=10)
HELD_BACK = timedelta(minutes=12)
"""Between two attempts that people ask for: five an hour, the limit of Let's Encrypt."""
WEEK = timedelta(days=7)
MADE_A_WEEK = 4
"""Certificates of the same names in seven days that people may ask for; Let's Encrypt makes five, so one is kept for
the renewal that has to happen."""


def renewal_time(not_before: datetime, not_after: datetime) -> datetime:
    """When to renew: at one third of the lifetime left, at half of it for certificates that live less than ten days.

    Up to a thirtieth of the lifetime earlier by chance: of 90 days, with 30 to 33 of them left.
    """
    lifetime = not_after - not_before
    left = lifetime / 2 if lifetime < SHORT_LIFETIME else lifetime / 3
    return not_after - left - _by_chance(lifetime / 30)


def retry_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row, up to a fifth longer by chance."""
    wait = BACK_OFF[min(max(failures, 1), len(BACK_OFF)) - 1]
    return wait + _by_chance(wait / 5)


def _by_chance(most: timedelta) -> timedelta:
    return timedelta(seconds=secrets.randbelow(int(most.total_seconds()) + 1))
