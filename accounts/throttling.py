"""How often a page or a route may be asked: what :mod:`accounts.lockout` says of sign-ins, and plain limits.

A limit is a number within a span, such as ``15/10m``. Spans begin by the clock and not with the first request, so that
what is left of one is known to everybody who shares the counters.
"""

from __future__ import annotations

from django.http import HttpRequest
from django_ratelimit.core import get_usage

from accounts.errors import TooManyAttempts
from accounts.lockout.counting import network_of
from accounts.lockout.services import try_sign_in
from accounts.sessions import origin
from temps.lib.actor import Actor
from temps.lib.request import of


def throttle_sign_in(request: HttpRequest, email: str) -> None:
    """Count one try for ``email``. Raises :class:`TooManyAttempts` when it has to wait."""
    throttle_address(request, "sign-in", "60/m")
    try_sign_in(email, network_of(of(request).client_address), actor=Actor.anonymous(**origin(request)))


def throttle_address(request: HttpRequest, group: str, rate: str) -> None:
    """Count one request of this address for ``group``. Raises :class:`TooManyAttempts` when ``rate`` is passed."""
    throttle(group, network_of(of(request).client_address), rate)


def throttle(group: str, whose: str, rate: str) -> None:
    """Count one for ``whose`` (a network, a person, an address that is written to) in ``group``.

    Raises :class:`TooManyAttempts` when ``rate`` is passed. Services call this too, where faces share a limit.
    """
    usage = get_usage(None, group=group, key=lambda _group, _request: whose, rate=rate, increment=True)
    if usage["should_limit"]:
        raise TooManyAttempts(max(1, usage["time_left"] + 1))  # the second that it names is still in the span
