"""How often a sign-in was tried, and how long the next one waits.

Tries are counted before the password is looked at, so that many at once cannot all be the first, and a success takes
its own back. Counters are kept by a keyed hash of the address that was typed, whether or not it is an account's: what
is answered says nothing about which accounts exist. They live in the cache, which all processes share where there is
Redis; without the cache each process counts for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from ipaddress import ip_network
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache

from temps.lib import clock

log = structlog.get_logger(__name__)

REMEMBERED = 3600
"""Seconds after which a counter ends, counted from its first try."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Tries that wait for nothing; from then on each waits twice as long as the one before, up to ``longest``."""

    free: int
    longest: int
    """Seconds."""

    def wait_after(self, tries: int) -> int:
        over = tries - self.free
        return 0 if over < 0 else min(2 ** min(over, 20), self.longest)


HERE = Limit(free=6, longest=900)
"""For one account from one network."""
NETWORK = Limit(free=30, longest=60)
"""For one network, whatever account is tried: an office behind one address waits a minute at most."""
LOCKED_AFTER = 50
"""Tries at one account from all networks that it does not know, within :data:`REMEMBERED`."""
LOCKED_FOR = (900, 1800, 3600)
"""Seconds that the first lockout lasts, the next within a day, and each that follows."""
CAPTCHA_HERE, CAPTCHA_NETWORK, CAPTCHA_ACCOUNT = 5, 10, 20
"""Tries from which on the page asks for a proof of work: in this account from here, from here, in this account. As many
are failures that were recorded, so the shipped alert about failed sign-ins has five to go by."""

_own = LocMemCache("sign-in", {"OPTIONS": {"MAX_ENTRIES": 100_000}})


def shared() -> BaseCache:
    """The cache, or this process's own memory while it is away: nobody must be able to guess without limit."""
    try:
        cache.get("sign-in")
    except Exception as error:  # each client of each cache has errors of its own
        log.error("sign_in.cache_away", error=type(error).__name__)
        return _own
    return cache


class Limits(BaseCache):
    """:func:`shared` as a cache of Django's, for django-ratelimit: it would fail while the cache is away."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return shared().add(key, value, timeout, version)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return shared().get(key, default, version)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return shared().incr(key, delta, version)


def network_of(address: str | None) -> str:
    """An IPv4 address itself; of IPv6 the /64, within which one subscriber has every address. Empty for none."""
    return str(ip_network(f"{address}/{64 if ':' in address else 32}", strict=False)) if address else ""


def key_for(*parts: str) -> str:
    """The name of a counter, which tells nobody who reads the cache whose it is."""
    text = "\0".join(parts).encode()
    return f"sign-in:{digest(settings.SECRET_KEY.encode(), text, sha256).hex()}"


def count(key: str, seconds: int = REMEMBERED) -> int:
    """Count one, and say how many that makes."""
    store = shared()
    store.add(key, 0, seconds)
    try:
        return int(store.incr(key))
    except ValueError:  # it ended between the two
        store.set(key, 1, seconds)
        return 1


def counted(key: str) -> int:
    return int(shared().get(key) or 0)


def take_back(key: str) -> None:
    """A try that should not count: it had to wait, or it was right."""
    try:
        shared().decr(key)
    except ValueError:
        return


def forget(*keys: str) -> None:
    shared().delete_many([name for key in keys for name in (key, _gate(key))])


def wait_for(key: str, limit: Limit, *, slack: int = 0) -> int:
    """Count one try; seconds that it has to wait, 0 if it may go on. One that has to wait does not count.

    Of several at once, one goes on: it takes the gate, which stays shut until the next may try. It opens ``slack``
    seconds early, of short waits half way, for a try that another gate has kept already, a moment before.
    """
    tries = count(key)
    wait = limit.wait_after(tries)
    wait -= min(slack, wait // 2)
    if not wait:
        return 0
    now = clock.now().timestamp()
    if shared().add(_gate(key), now + wait, wait):
        return 0
    take_back(key)
    return max(1, round(float(shared().get(_gate(key)) or now) - now))


def _gate(key: str) -> str:
    return f"{key}:gate"
