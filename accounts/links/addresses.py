"""Where a link leads, and what its token is kept as."""

from __future__ import annotations

import secrets
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from temps.lib.errors import Invalid


def base_url(request: HttpRequest) -> str:
    """Where people reach the console: as it is set, else the host of this request, which Django has checked."""
    return str(settings.PUBLIC_URL).rstrip("/") or f"{request.scheme}://{request.get_host()}"


def base_url_without_request() -> str:
    """As :func:`base_url`, for commands. Raises :class:`Invalid` where it is not set."""
    if not settings.PUBLIC_URL:
        raise Invalid("say where people reach Temps: set TEMPS_PUBLIC_URL, such as https://temps.example.com")
    return str(settings.PUBLIC_URL).rstrip("/")


def new_token() -> tuple[str, str]:
    """A token of 256 random bits, and its hash."""
    token = secrets.token_urlsafe(32)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def link_to(base: str, token: str) -> str:
    return base + reverse("account_open", args=[token])
