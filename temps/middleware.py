"""What every request gets, once: an id, the client's address, and who acts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.sessions import actor_of_session
from rbac.console import ask_to_confirm
from rbac.step_up import StepUpRequired
from temps.lib.actor import Actor, new_request_id
from temps.lib.client_ip import UnknownClient, client_address
from temps.lib.request import of

log = structlog.get_logger("temps.request")
PROBES = ("/healthz", "/readyz")
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContext:
    """Sets ``request.request_id`` and ``request.client_address``, and writes one log line a request.

    A forwarded chain that makes no sense is refused: an address that cannot be told cannot be judged.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        known = of(request)
        known.request_id = new_request_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=known.request_id)
        peer = request.META.get("REMOTE_ADDR") or ""
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
        try:
            address = client_address(peer, forwarded, settings.TRUSTED_PROXIES)
        except UnknownClient as error:
            log.warning("request.unknown_client", peer=peer, reason=str(error))
            return _plain(400, "the client's address cannot be told")
        known.client_address = str(address)
        response = self.get_response(request)
        response["X-Request-Id"] = known.request_id
        probe = request.path in PROBES and response.status_code == 200
        log.log(
            logging.DEBUG if probe else logging.INFO,
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            client=known.client_address,
        )
        return response


class NoNul:
    """Refuses addresses with a NUL character: nothing has one in its name, and PostgreSQL fails on the comparison."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return _plain(400, "an address holds no NUL character")
        return self.get_response(request)


class BodyLimit:
    """Refuses bodies that are too large, or that do not say how large they are, before anything reads them.

    Django's own limit covers forms; the API reads the stream itself.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            return _plain(411, "send a Content-Length")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or len(length) > 18:
            return _plain(400, "Content-Length is not a number of bytes")
        if int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return _plain(413, f"a request has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes")
        return self.get_response(request)


def _plain(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{status}: {text}\n", status=status, content_type="text/plain")


class Identity:
    """Sets ``request.actor``: who the session says acts. API credentials are read later, by the API itself.

    What the API answers depends on who asks, and on headers that no cache knows of: none may keep it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        of(request).actor = cast("Actor", SimpleLazyObject(lambda: actor_of_session(request)))
        response = self.get_response(request)
        if request.path_info.startswith("/api/"):
            response.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """What a page refused until the person confirms who they are; the API answers for itself."""
        return ask_to_confirm(request) if isinstance(error, StepUpRequired) else None
