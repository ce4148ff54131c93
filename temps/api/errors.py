"""Errors as the API shows them: RFC 9457 problem details, with a code that programs can rely on."""

from __future__ import annotations

from typing import Any

import structlog
from django.core.exceptions import DisallowedHost, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.defaults import bad_request, page_not_found
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from audit.folding import record_denial
from temps.lib.errors import Denied, TempsError

log = structlog.get_logger(__name__)

TITLES = {
    400: "Invalid request",
    401: "Not signed in",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    415: "Unsupported media type",
    429: "Too many requests",
    503: "Unavailable",
}


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. An error that nobody foresaw returns None and becomes a 500 without details."""
    set_rollback()
    if isinstance(error, Denied):
        record_denial(error)
    if isinstance(error, TempsError):
        if error.public_message != error.message:
            log.error("api.failed", code=error.code, reason=error.message)
        fields = {error.field: [error.public_message]} if error.field else None
        answer = _answer(error.status, error.code, error.public_message, fields=fields, context=context)
        if wait := getattr(error, "wait", None):
            answer["Retry-After"] = str(int(wait))
        return answer
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError):
        details = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        return _answer(400, "invalid", "the request has errors", fields=details, context=context)
    if isinstance(error, exceptions.APIException):
        answer = _answer(error.status_code, str(error.default_code), str(error.detail), context=context)
        if wait := getattr(error, "wait", None):
            answer["Retry-After"] = str(int(wait))
        return answer
    return None


def bad_request_page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler400``. Under a wrong name none of our addresses leads anywhere, so that page says what to do instead."""
    if isinstance(exception, DisallowedHost):
        return HttpResponse(render_to_string("400_host.html"), status=400)
    return bad_request(request, exception)


def no_such_address(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler404``: a program that mistyped an address of the API is not answered with a page for people."""
    if not request.path_info.startswith("/api/"):
        return page_not_found(request, exception)
    body = _body(404, "not_found", "there is nothing at this address: /api/docs/ lists what there is", request)
    response = JsonResponse(body, status=404)
    response["Cache-Control"] = "no-store"
    return response


def _answer(status: int, code: str, detail: str, *, context: dict[str, Any], fields: Any = None) -> Response:
    request = context.get("request")
    body = _body(status, code, detail, getattr(request, "_request", request))
    if fields:
        body["errors"] = fields
    answer = Response(body, status=status)
    if status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="temps"'
    return answer


def _body(status: int, code: str, detail: str, request: Any) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "requestId": getattr(request, "request_id", ""),
    }
