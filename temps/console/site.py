"""Who enters the console, and where those who may not are sent."""

from __future__ import annotations

from typing import Any, cast

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.sites import UnfoldAdminSite

from rbac.guards import actor_of

NEEDS = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
"""What django-unfold asks of the Content-Security-Policy beyond the preset: Alpine evaluates the expressions in its
attributes, and it, HTMX and the theme set styles in the page. Scripts still come from our own files alone."""


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]
    """Entered through the one sign-in of the platform; each screen then asks for its own permission."""

    enable_nav_sidebar = True
    final_catch_all_view = False
    """What is at no address is not found: Django would send visitors to sign in first, and programs to a page."""

    def has_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).is_authenticated

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return csp_update(NEEDS)(super().admin_view(view, cacheable))

    def get_urls(self) -> list[Any]:
        from accounts.browser_sessions.pages import urls as pages_of_sessions  # as in password_change

        return [*pages_of_sessions(), *super().get_urls()]

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if self.has_permission(request):
            return redirect("admin:index")
        return redirect_to_login(request.GET.get("next") or request.get_full_path(), "/accounts/login/")

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        try:
            return cast(HttpResponse, super().search(request, extra_context))
        except (ValueError, InvalidPage):  # unfold takes the number of the page as it comes
            raise Http404 from None

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        from accounts.own_password import OwnPassword  # allauth is not ready when Django makes the site

        context = {**self.each_context(request), **(extra_context or {})}
        return cast(HttpResponse, OwnPassword.as_view(extra_context=context)(request))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_logout")
