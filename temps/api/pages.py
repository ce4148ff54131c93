"""The API in a browser: every answer as a page, with forms for what the visitor may do."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import BrowsableAPIRenderer

from temps.lib.errors import Denied, Unauthenticated


class Pages(BrowsableAPIRenderer):
    """Asks for each method whether the visitor may use it. A refusal then means no form, and is not recorded."""

    def show_form_for_method(self, view: Any, method: str, request: Any, obj: Any) -> bool:
        try:
            return bool(super().show_form_for_method(view, method, request, obj))
        except (Denied, Unauthenticated):
            return False

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        try:
            return super().get_rendered_html_form(data, view, method, request)
        except (Denied, Unauthenticated):  # of OPTIONS, which is asked about in here
            return None

    def get_filter_form(self, data: Any, view: Any, request: Any) -> None:
        """None: its button has an inline style, which the Content-Security-Policy refuses. The reference tells them."""
