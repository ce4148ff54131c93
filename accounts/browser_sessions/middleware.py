from __future__ import annotations

from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest

from accounts.browser_sessions.store import SessionStore, Visitor
from audit.masking import printable
from temps.lib.request import of


class SessionMiddleware(DjangoSessionMiddleware):
    """Django's, whose sessions know where the request comes from."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        if isinstance(request.session, SessionStore):
            agent = printable(request.META.get("HTTP_USER_AGENT", ""))
            request.session.visitor = Visitor(of(request).client_address, agent)
