"""The first page: how things stand, from the rows themselves."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    return context
