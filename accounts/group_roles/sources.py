"""The sources that there are: whatever names people's groups says so here, when it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models

from accounts.group_roles.names import DIRECTORY
from temps.lib.cli import printable
from temps.lib.errors import Invalid


@dataclass(frozen=True, slots=True)
class Kind:
    """Sources of one kind are the rows of a table: ``directory:corp`` is the directory whose ``field`` is ``corp``."""

    model: type[models.Model]
    field: str
    called: str
    """What people call one: "directory"."""


_kinds: dict[str, Kind] = {}


def register(kind: str, model: type[models.Model], *, field: str, called: str) -> None:
    _kinds[kind] = Kind(model, field, called)


def all_sources() -> list[str]:
    return [f"{name}:{row}" for name, kind in sorted(_kinds.items()) for row in _names(kind)]


def hold_source(source: str) -> None:
    """Raise :class:`Invalid` unless there is this source; else it stays until the transaction ends."""
    name, _, wanted = source.partition(":")
    kind = _kinds.get(name)
    if kind is None:
        raise Invalid(f"a source is a directory or a provider, such as {DIRECTORY}:corp", field="source")
    rows: Any = kind.model._default_manager.select_for_update()
    if rows.filter(**{kind.field: wanted}).first() is None:
        known = ", ".join(f"{name}:{row}" for row in _names(kind)) or "none yet"
        raise Invalid(f"there is no {kind.called} '{printable(wanted)}': there is {known}", field="source")


def _names(kind: Kind) -> list[str]:
    return sorted(kind.model._default_manager.values_list(kind.field, flat=True))
