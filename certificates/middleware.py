"""Answers the issuers' look at ``http://NAME/.well-known/acme-challenge/TOKEN`` (RFC 8555 section 8.3).

A middleware and no route: the names that are being proved are those of applications, and Django's routes answer only to
the names of the console. Nobody signs in, nothing is changed, and an unknown token is 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from certificates.models import Challenge
from temps.lib import clock

PREFIX = "/.well-known/acme-challenge/"
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,255}")
"""base64url (RFC 8555 section 8.1); nothing else reaches the database."""

GetResponse = Callable[[HttpRequest], HttpResponse]


class AcmeChallenges:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        return answer(request, request.path_info.removeprefix(PREFIX))


def answer(request: HttpRequest, token: str) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return HttpResponse("405: GET alone\n", status=405, content_type="text/plain", headers={"Allow": "GET, HEAD"})
    found = None
    if TOKEN.fullmatch(token):
        live = Challenge.objects.filter(token=token, expires_at__gt=clock.now())
        found = live.values_list("key_authorization", flat=True).first()
    if found is None:
        return HttpResponse("404: no such challenge\n", status=404, content_type="text/plain")
    return HttpResponse(found, content_type="text/plain")
