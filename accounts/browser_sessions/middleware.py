from __future__ import annotations

from typing import cast

from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.browser_sessions.ended import note_ended
from accounts.browser_sessions.models import AGENT_LIMIT
from accounts.browser_sessions.store import VISITOR, Visitor
from audit.masking import printable
from temps.lib.request import of


class SessionMiddleware(DjangoSessionMiddleware):
    """Django's, whose sessions know where the request comes from."""

    async_capable = False  # what is set here holds for this thread

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        agent = printable(request.META.get("HTTP_USER_AGENT", ""))[:AGENT_LIMIT]
        before = VISITOR.set(Visitor(of(request).client_address, agent))
        try:
            response = cast(HttpResponseBase, super().__call__(request))
            note_ended(request, response)
            return response
        finally:
            VISITOR.reset(before)
