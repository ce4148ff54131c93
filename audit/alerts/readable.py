from __future__ import annotations

from typing import Any, TypeVar

import structlog
from django.db import DataError
from django.db.models import Model, QuerySet

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=Model)
UNREADABLE = (DataError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What drivers and fields raise for a time after the last that there is, or JSON that is nested a thousand deep."""


def readable(rows: QuerySet[M]) -> list[M]:
    """``rows`` without those that cannot be read: whoever put one into the database does not silence the others."""
    try:
        return list(rows)
    except UNREADABLE:
        found: list[M] = []
    every: Any = rows.model._default_manager
    for key in rows.values_list("pk", flat=True):
        try:
            found += every.filter(pk=key)
        except UNREADABLE as error:
            log.error("alerts.unreadable_row", table=rows.model._meta.db_table, key=key, error=type(error).__name__)
    return found
