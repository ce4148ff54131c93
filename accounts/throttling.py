"""How often a sign-in may be tried: per address, per account from one address, and per account from anywhere.

The limits count tries, not failures: nobody signs in thirty times in ten minutes. The last one is wide, because who
fills it keeps the owner out of a new sign-in (never out of a session that they have).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

from django.http import HttpRequest
from django_ratelimit.core import get_usage

from accounts.errors import TooManyAttempts
from temps.lib.request import of

Key = Callable[[str, HttpRequest], str]


def network_of(address: str) -> str:
    """An IPv4 address itself; of IPv6 the /64, within which one subscriber has every address."""
    return str(ip_network(f"{address}/{64 if ':' in address else 32}", strict=False))


def throttle_sign_in(request: HttpRequest, email: str) -> None:
    """Count one try for ``email``. Raises :class:`TooManyAttempts` when a limit is passed."""
    network, account = network_of(of(request).client_address), email.strip().lower()
    limits: list[tuple[str, str, str]] = [
        ("address", network, "30/m"),
        ("account-from-address", f"{account}|{network}", "10/5m"),
        ("account", account, "60/10m"),
    ]
    waits = [wait for group, key, rate in limits if (wait := _count(request, f"sign-in.{group}", key, rate))]
    if waits:
        raise TooManyAttempts(max(waits))


def throttle_address(request: HttpRequest, group: str, rate: str) -> None:
    """Count one request of this address for ``group``. Raises :class:`TooManyAttempts` when ``rate`` is passed."""
    wait = _count(request, group, network_of(of(request).client_address), rate)
    if wait:
        raise TooManyAttempts(wait)


def _count(request: HttpRequest, group: str, value: str, rate: str) -> int:
    """Seconds to wait, 0 when the limit leaves room."""
    usage = get_usage(request, group=group, key=lambda _group, _request: value, rate=rate, increment=True)
    return max(1, usage["time_left"]) if usage and usage["should_limit"] else 0
