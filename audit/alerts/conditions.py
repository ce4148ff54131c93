"""States of the platform that are worth an alert while they last, registered by the rooms that know them.

A room registers a condition when it gets ready; that alone ships a rule for it. The alert of a condition opens when the
condition first holds for a group, and resolves by itself when it no longer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from audit.alerts.models import Severity


@dataclass(frozen=True, slots=True)
class Standing:
    """That something is the case now. One group holds one alert; a group that is told of twice counts once."""

    group: str
    """What it is about, such as the name of a domain; empty for the platform."""
    title: str
    """One sentence for people."""
    severity: Severity
    details: dict[str, Any] = field(default_factory=dict)
    """Plain JSON without secrets."""


@dataclass(frozen=True, slots=True)
class Condition:
    key: str
    name: str
    look: Callable[[], Iterable[Standing]]
    severity: Severity
    about: str = ""


CONDITIONS: dict[str, Condition] = {}


def register(
    key: str,
    name: str,
    look: Callable[[], Iterable[Standing]],
    *,
    severity: Severity = Severity.WARNING,
    about: str = "",
) -> None:
    """Have ``look`` called every quarter of a minute; it says what holds now, from a few quick queries.

    ``key`` names the shipped rule for good; ``name`` and ``severity`` are what the rule starts with. A standing's own
    severity counts if it is higher than the rule's. ``about`` is what a group is, such as a domain; empty where the
    platform is the only one.
    """
    known = CONDITIONS.get(key)
    if known is not None and known.look is not look:
        raise ValueError(f"there is a condition '{key}' already")
    CONDITIONS[key] = Condition(key, name, look, severity, about)
