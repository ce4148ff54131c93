"""A browser that comes with a session that has ended is sent to sign in. The sign-in page says why."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.browser_sessions.store import SessionStore

COOKIE = "temps_session_ended"
SECONDS = 60
"""On the way from the page that was wanted to the sign-in page."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def note_ended(request: HttpRequest, response: HttpResponseBase) -> None:
    """Have the browser say so to the page that it is sent to: the key that opens nothing is taken from it here."""
    if _opened_nothing(request) and response.status_code in REDIRECTS:
        response.set_cookie(
            COOKIE, "1", max_age=SECONDS, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
        )


def came_from_ended(request: HttpRequest) -> bool:
    """Whether this browser was signed in until now, as far as it says itself."""
    return _opened_nothing(request) or request.COOKIES.get(COOKIE) == "1"


def forget_ended(request: HttpRequest, response: HttpResponseBase) -> None:
    if COOKIE in request.COOKIES:
        response.delete_cookie(COOKIE, samesite="Lax")


def _opened_nothing(request: HttpRequest) -> bool:
    return isinstance(request.session, SessionStore) and request.session.opened_nothing
