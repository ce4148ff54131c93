"""Enforcement for the console and the API: who may come in, how often, and with which headers every answer leaves.

In the order of ``settings.MIDDLEWARE``: ``Headers`` is outermost, so that refusals carry the headers too. ``Firewall``
comes right after the client's address is known, before anything else runs for a client. ``ContentSecurityPolicy`` is
django-csp with the directives of the policy. ``RateLimit`` stands behind WhiteNoise, so a static file that exists is
never counted, and a path that merely looks like one is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import structlog
from csp.constants import HEADER as CSP_HEADER
from csp.middleware import CSPMiddleware, PolicyParts
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from firewall.current import current
from firewall.headers import PRESETS
from firewall.hits import hits
from firewall.paths import is_acme_challenge, is_health, project_of
from firewall.ratelimits import Usage, client_of, limiter, limits_for
from temps.lib import clock
from temps.lib import request as requests

log = structlog.get_logger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]


class Headers:
    """Sets the security headers of the policy's preset on every answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        headers = PRESETS[current.preset()]
        for name, value in headers.always.items():
            response[name] = value
        if request.is_secure():
            response["Strict-Transport-Security"] = headers.hsts
        if CSP_HEADER not in response and not hasattr(request, "csp_nonce"):
            # Refused before django-csp saw it. Where it did and set nothing, it had its reason.
            response[CSP_HEADER] = build_policy(config=headers.csp)
        return response


class ContentSecurityPolicy(CSPMiddleware):
    """django-csp, with the policy's preset where a view declares no directives of its own.

    A page that needs more than the preset says so itself, with ``csp.decorators``.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if parts.config is None and not report_only:
            parts.config = PRESETS[current.preset()].csp
        return parts


class Firewall:
    """Refuses blocked clients with 403, before sessions, sign-in or any view.

    Never in front of ACME challenges and health checks: a certificate must be renewable and a probe answerable whatever
    the rules say. Until the first policy could be read nothing else passes (503), because what may pass is not known.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if is_acme_challenge(path) or is_health(path):
            return self.get_response(request)
        policy = current.get()
        if policy is None:
            return _refusal(request, 503, "The firewall's policy cannot be read. Try again in a moment.", retry_after=5)
        decision = policy.judge(_client(request), project_of(path), clock.now())
        if decision.rule is not None and decision.blocked:
            structlog.contextvars.bind_contextvars(firewall_rule=decision.rule.id)  # on this request's log line
            hits.add(decision.rule.id)
            hits.flush_if_due()
            return _refusal(request, 403, "Requests from your address are not accepted.")
        hits.flush_if_due()
        return self.get_response(request)


class RateLimit:
    """Counts the request against the limits on its path; 429 when there is nothing left."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        client = _client(request)
        policy = current.get()
        if policy is None or is_acme_challenge(path) or (is_health(path) and client.is_loopback):
            return self.get_response(request)
        usage = limiter().hit(limits_for(policy, path), client_of(client))
        if usage is None:
            return self.get_response(request)
        if usage.refused:
            wait = max(1, math.ceil(usage.reset - time.time()))
            response = _refusal(request, 429, f"Too many requests. Try again in {wait} s.", retry_after=wait)
        else:
            response = self.get_response(request)
        _show_usage(response, usage)
        return response


def _client(request: HttpRequest) -> IPv4Address | IPv6Address:
    return ip_address(requests.of(request).client_address)


def _show_usage(response: HttpResponse, usage: Usage) -> None:
    response["X-RateLimit-Limit"] = str(usage.limit.requests)
    response["X-RateLimit-Remaining"] = str(usage.remaining)
    response["X-RateLimit-Reset"] = str(math.ceil(usage.reset))


TITLES = {403: "Not permitted", 429: "Too many requests", 503: "Unavailable"}
CODES = {403: "blocked", 429: "throttled", 503: "unavailable"}


def _refusal(request: HttpRequest, status: int, detail: str, *, retry_after: int = 0) -> HttpResponse:
    """A short answer that names the request and nothing of the rule: RFC 9457 for the API, plain text elsewhere."""
    identity = requests.of(request).request_id
    response: HttpResponse
    if request.path_info.startswith("/api/"):
        body = {"type": "about:blank", "title": TITLES[status], "status": status, "code": CODES[status]}
        body |= {"detail": detail, "requestId": identity}
        response = JsonResponse(body, status=status, content_type="application/problem+json")
    else:
        text = f"{status}: {detail}\nRequest {identity}\n"
        response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    if retry_after:
        response["Retry-After"] = str(retry_after)
    return response
