"""Who enters the console, and where those who may not are sent."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.sites import UnfoldAdminSite

from rbac.guards import actor_of


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]
    """Entered through the one sign-in of the platform; each screen then asks for its own permission."""

    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).is_authenticated

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if self.has_permission(request):
            return redirect("admin:index")
        return redirect_to_login(request.GET.get("next") or request.get_full_path(), "/accounts/login/")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_logout")
