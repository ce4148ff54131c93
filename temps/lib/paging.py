"""Cursor pages: they stay right while rows are added, and cost the same however far one reads."""

from __future__ import annotations

import re

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor as Position
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from temps.lib.errors import Invalid

INVALID = "this cursor was not made here: follow the links of the answer, or leave it out for the first page"
LIMIT = re.compile(r"[0-9]{1,9}", re.ASCII)
ROW = re.compile(r"[0-9]{1,19}")


class Cursor(CursorPagination):
    """``?limit=`` (1 to 500, default 50) and the opaque ``?cursor=`` of the answer's ``next``."""

    ordering = "-id"
    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"

    def get_page_size(self, request: Request) -> int:
        """What ``limit`` asks for. DRF would answer a mistyped one with the default."""
        given = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not LIMIT.fullmatch(given) or not 1 <= int(given) <= self.max_page_size:
            raise Invalid(f"a page has 1 to {self.max_page_size} rows", field=self.page_size_query_param)
        return int(given)

    def decode_cursor(self, request: Request) -> Position | None:
        """The position asked for. DRF would hand whatever stands in a made-up cursor to the database."""
        try:
            position = super().decode_cursor(request)
        except NotFound:
            raise Invalid(INVALID, field=self.cursor_query_param) from None
        if position is not None and position.position is not None and not ROW.fullmatch(str(position.position)):
            raise Invalid(INVALID, field=self.cursor_query_param)
        return position
