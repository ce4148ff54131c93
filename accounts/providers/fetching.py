"""Asking a provider's server: to an address that was judged, within a time, for so much, and without redirects.

allauth speaks through ``requests``; this puts ``temps.lib.outgoing`` beneath it. Nothing of the environment (proxies,
``.netrc``) has a say.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, cast

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from accounts.providers.settings import check_address
from temps.lib.errors import Invalid
from temps.lib.outgoing import Watch, reason
from temps.lib.webhooks import Connection

EXCHANGE = 10.0
"""Seconds for a request and its answer, once connected."""
LONGEST = 1024 * 1024
"""Bytes of an answer. Key sets and lists of groups are some tens of kilobytes."""


class Answer(requests.Response):
    """An answer, whatever it consists of: what is no JSON that we would take is one error."""

    def json(self, **_options: Any) -> Any:
        try:
            return super().json()
        except (ValueError, RecursionError):  # numbers of ten thousand digits, and a hundred thousand brackets
            raise requests.exceptions.InvalidJSONError("the answer is no JSON", response=self) from None


class Guarded(BaseAdapter):
    """How the sessions below reach a server."""

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> Answer:
        try:
            target = check_address(request.url or "")
        except Invalid as error:
            raise requests.exceptions.InvalidURL(error.message, request=request) from None
        connection = Connection(target)
        try:
            connection.connect()
            with Watch(connection.sock, EXCHANGE):
                connection.request(request.method or "GET", target.path, request.body, dict(request.headers))
                return _answer(request, connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            said = f"{target.host} cannot be reached ({reason(error)})"
            raise requests.exceptions.ConnectionError(said, request=request) from None
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing is kept open."""


class Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.headers = CaseInsensitiveDict(
            {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Temps", "Connection": "close"}
        )
        for scheme in ("https://", "http://"):
            self.mount(scheme, Guarded())

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, url, *args, **(options | {"allow_redirects": False}))
        if 300 <= answer.status_code < 400:
            raise requests.exceptions.TooManyRedirects("redirects are not followed", response=answer)
        return answer


def get_json(url: str, *, token: str = "", missing_is_none: bool = False) -> Any:
    """What is at ``url``, with an access token if one is given. None for a 404 where that may be.

    Raises :class:`requests.RequestException` for anything but a success.
    """
    headers: Mapping[str, str] = {"Authorization": f"Bearer {token}"} if token else {}
    with Session() as session:
        answer = session.get(url, headers=headers)
    if missing_is_none and answer.status_code == 404:
        return None
    answer.raise_for_status()
    return answer.json()


def _answer(request: requests.PreparedRequest, reply: http.client.HTTPResponse) -> Answer:
    body = reply.read(LONGEST + 1)
    if len(body) > LONGEST:
        raise http.client.HTTPException("the answer is too long")
    answer = Answer()
    answer.status_code, answer.reason, answer.request = reply.status, reply.reason, request
    answer.url = request.url or ""
    answer.headers = CaseInsensitiveDict({"content-type": "", **dict(reply.getheaders())})
    answer.encoding = "utf-8"
    cast(Any, answer)._content = body
    return answer
