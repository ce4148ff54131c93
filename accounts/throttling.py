"""How often a page or a route may be asked: what :mod:`accounts.lockout` says of sign-ins, and limits on addresses."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django_ratelimit.core import get_usage

from accounts.errors import TooManyAttempts
from accounts.lockout.counting import network_of
from accounts.lockout.services import try_sign_in
from accounts.sessions import origin
from temps.lib.actor import Actor
from temps.lib.request import of

Key = Callable[[str, HttpRequest], str]


def throttle_sign_in(request: HttpRequest, email: str) -> None:
    """Count one try for ``email``. Raises :class:`TooManyAttempts` when it has to wait."""
    throttle_address(request, "sign-in", "60/m")
    try_sign_in(email, network_of(of(request).client_address), actor=Actor.anonymous(**origin(request)))


def throttle_address(request: HttpRequest, group: str, rate: str) -> None:
    """Count one request of this address for ``group``. Raises :class:`TooManyAttempts` when ``rate`` is passed."""
    wait = _count(request, group, network_of(of(request).client_address), rate)
    if wait:
        raise TooManyAttempts(wait)


def _count(request: HttpRequest, group: str, value: str, rate: str) -> int:
    """Seconds to wait, 0 when the limit leaves room."""
    usage = get_usage(request, group=group, key=lambda _group, _request: value, rate=rate, increment=True)
    return max(1, usage["time_left"]) if usage and usage["should_limit"] else 0
