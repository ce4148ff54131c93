"""The variables of an environment, fetched from a control plane on another host."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from secrets_vault.values import clean_key, clean_value
from temps.lib.errors import Invalid, TempsError, Unavailable

SECONDS = 30
MAX_ANSWER = 64 * 1024 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Refused(TempsError):
    """The control plane said no; its own sentence is the message."""

    code = "refused"


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would take the token along to wherever it points."""

    def redirect_request(self, *_args: Any) -> None:
        return None


def bundle(url: str, token: str, project: str, environment: str) -> dict[str, str]:
    """What holds in ``environment`` of ``project`` (empty: in its base), from the control plane at ``url``.

    Raises :class:`Invalid` for an address that a token cannot be sent to safely, :class:`Refused` with the reason
    of the control plane, and :class:`Unavailable` when it does not answer as one.
    """
    if not (token.isascii() and token.isprintable()):
        raise Invalid("TEMPS_TOKEN holds characters that no token has")
    query = "?" + urlencode({"environment": environment}) if environment else ""
    address = f"{_safe(url)}/api/v1/projects/{quote(project, safe='')}/bundle/{query}"
    request = Request(address, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})  # noqa: S310 - _safe() lets HTTP alone through
    opener = build_opener(_NoRedirect, HTTPSHandler(context=ssl.create_default_context()))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return _variables(answer.read(MAX_ANSWER))
    except HTTPError as error:
        with error:
            raise _refusal(error) from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise Unavailable(f"the control plane at {url} does not answer: {reason}") from None


def _safe(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.hostname and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        known = False
    if not known:
        raise Invalid("TEMPS_URL is the address of the control plane, such as https://temps.example.com")
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return url.rstrip("/")
    raise Invalid("TEMPS_URL must start with https:// (http:// is for this machine alone): the token is a secret")


def _variables(data: bytes) -> dict[str, str]:
    try:
        variables = json.loads(data)["variables"]
        return {clean_key(key): clean_value(value, key=key) for key, value in variables.items()}
    except (ValueError, LookupError, TypeError, AttributeError, Invalid):
        raise Unavailable("the answer of the control plane holds no variables: is TEMPS_URL right?") from None


def _refusal(error: HTTPError) -> TempsError:
    try:
        detail = str(json.loads(error.read(1 << 16))["detail"])
    except (ValueError, LookupError, TypeError, OSError):
        return Unavailable(f"the control plane answers with status {error.code}: is TEMPS_URL right?")
    return Refused(f"the control plane refuses: {detail}")
