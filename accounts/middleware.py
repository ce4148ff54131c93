"""What is refused before anything is done for it: a sign-in with a password while too many are tried already.

Hundreds of guesses a second would otherwise fill the one process that everybody's requests share, with no more than
being turned away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.errors import Busy
from accounts.hashing import passwords
from temps.lib.request import of

GetResponse = Callable[[HttpRequest], HttpResponse]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
REFUSED = "temps.refused_as_busy"
"""In the WSGI environment of a request: its answer says nothing about it, and fits all that are refused."""
COPIED_FOR_SECONDS = 1.0
OF_ONE_REQUEST = ("access-control-", "set-cookie", "x-ratelimit-")
"""How headers begin that are for whoever asked alone."""


class PasswordTurns:
    """Answers 503 before there is a session, or a look at the database."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or request.path_info not in (page(), api()):
            return self.get_response(request)
        try:
            passwords.refuse_if_full()
        except Busy as error:
            request.META[REFUSED] = True
            return _refusal(request, error)
        return self.get_response(request)


@dataclass(frozen=True, slots=True)
class Copy:
    made_at: float
    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Copies:
    """WSGI (PEP 3333) around Django: of many that are refused, one a second goes through all of Django and is logged.
    The others get a copy of its answer, request id included, which takes a twentieth of the time."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._copies: dict[str, Copy] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "POST" or path not in (page(), api()) or not passwords.is_full:
            return self._application(environ, start_response)
        copy = self._copies.get(path)
        if copy is None or monotonic() - copy.made_at > COPIED_FOR_SECONDS:
            return self._answer(path, environ, start_response)
        start_response(copy.status, copy.headers)
        return [copy.body]

    def _answer(self, path: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Django's answer, kept where it refused; it need not have, for by now there may be a place."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def note(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            started.append((status, headers))
            return start_response(status, headers, *more)

        answer = self._application(environ, note)
        if environ.get(REFUSED):
            [(status, headers)] = started
            kept = [(name, value) for name, value in headers if not name.lower().startswith(OF_ONE_REQUEST)]
            self._copies[path] = Copy(monotonic(), status, kept, b"".join(answer))
        return answer


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
