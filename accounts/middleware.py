"""What is refused before anything is done for it: a sign-in with a password while too many are tried already."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.errors import Busy
from accounts.hashing import passwords
from temps.lib.request import of

GetResponse = Callable[[HttpRequest], HttpResponse]


class PasswordTurns:
    """Answers 503, with little work: hundreds of guesses a second would otherwise fill the one process that everybody's
    requests share, with no more than being turned away."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or request.path_info not in (page(), api()):
            return self.get_response(request)
        try:
            passwords.refuse_if_full()
        except Busy as error:
            return _refusal(request, error)
        return self.get_response(request)


@cache
def page() -> str:
    return reverse("account_login")


@cache
def api() -> str:
    return reverse("api:auth-token")


def _refusal(request: HttpRequest, error: Busy) -> HttpResponse:
    response: HttpResponse
    if request.path_info == page():
        response = HttpResponse(_text(error.wait), status=error.status)
    else:
        body = {"type": "about:blank", "title": "Unavailable", "status": error.status, "code": error.code}
        body |= {"detail": error.message, "requestId": of(request).request_id}
        response = JsonResponse(body, status=error.status)
    response["Retry-After"] = str(error.wait)
    response["Cache-Control"] = "no-store"
    return response


@cache
def _text(wait: int) -> str:
    return render_to_string("429.html", {"wait": wait, "status": Busy.status})
