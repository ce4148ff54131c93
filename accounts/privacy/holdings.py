"""What the database holds on a person: the account, and every row that belongs to it by a foreign key. A room that adds
such rows has them in the archive without doing anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.db import models

from accounts.models import User
from accounts.privacy.holders import Holder, register

SECRET = re.compile(r"hash|secret|sealed|token|password|session_data|private|public_key|salt|mark$|^current$|^data$")
"""Columns that prove who one is, or help to. What they hold is no information about the person."""


def register_holdings() -> None:
    register(Holder("account", _account))
    register(Holder("belongings", _belongings))


def _account(user: User) -> dict[str, Any]:
    return _row(user, leave_out=frozenset({"id"}))


def _belongings(user: User) -> dict[str, list[dict[str, Any]]]:
    found = {relation.related_model._meta.label_lower: _related(user, relation) for relation in _relations()}
    return {name: rows for name, rows in sorted(found.items()) if rows}


def _relations() -> Iterator[Any]:
    return (relation for relation in User._meta.related_objects if relation.related_model is not User)


def _related(user: User, relation: Any) -> list[dict[str, Any]]:
    rows = relation.related_model._base_manager.filter(**{relation.field.name: user}).order_by("pk")
    return [_row(row, leave_out=frozenset({"id", relation.field.name})) for row in rows]


def _row(row: models.Model, *, leave_out: frozenset[str]) -> dict[str, Any]:
    return {
        field.name: _plain(getattr(row, field.name))
        for field in row._meta.concrete_fields
        if field.name not in leave_out and not isinstance(field, models.BinaryField) and not SECRET.search(field.name)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | list | dict | type(None)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
