"""How bodies are read, where Django REST framework trusts its input too far."""

from __future__ import annotations

from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class JSONParser(parsers.JSONParser):
    """Refuses what is nested deeper than Python follows. A few kilobytes of brackets would otherwise be an error 500
    with its whole traceback in the log, for anybody, before they signed in."""

    def parse(self, *args: Any, **options: Any) -> Any:
        try:
            return super().parse(*args, **options)
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
