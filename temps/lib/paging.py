"""Cursor pages: they stay right while rows are added, and cost the same however far one reads."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class Cursor(CursorPagination):
    """``?limit=`` (1 to 500, default 50) and the opaque ``?cursor=`` of the answer's ``next``."""

    ordering = "-id"
    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"
