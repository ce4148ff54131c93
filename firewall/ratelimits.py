"""Rate limits as sliding windows: in *any* stretch of the window's length a client gets at most so many answers.

The window moves with every request (``limits`` calls it a moving window), so there is no boundary at which a client
could spend two windows' worth at once. Refused requests do not count.

Windows are kept in Redis, shared by all processes. Without Redis, or while it does not answer, they are kept in this
process's memory: a limiter that refused everyone when its storage fails would turn a fault into an outage, one that
let everyone through would invite causing the fault.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, ip_network

import structlog
from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis import ConnectionPool, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from firewall.policy import Limit, Policy
from temps.lib.client_ip import Address

log = structlog.get_logger(__name__)

REDIS_TIMEOUT_SECONDS = 0.25
"""Every request waits for this storage, so it must answer quickly or not at all."""
REDIS_PAUSE_SECONDS = 5.0
"""How long a Redis that failed is left alone."""
CLIENTS_IN_MEMORY = 50_000
"""Windows kept at most; beyond that the one unused for longest goes. Bounds what a flood of addresses can occupy."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Where a client stands with one limit."""

    limit: Limit
    remaining: int
    reset: float
    """Epoch seconds at which the oldest counted request leaves the window: the earliest that one more is free."""
    refused: bool


def client_of(address: Address) -> str:
    """Who is counted together: an IPv4 address, or the /64 that one IPv6 subscriber picks addresses from at will."""
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def limits_for(policy: Policy, path: str) -> list[Limit]:
    """All limits on ``path``: those of its patterns, and the one of everything from the policy or the settings."""
    if not settings.RATE_LIMIT_ENABLED:
        return []
    default = Limit("", settings.RATE_LIMIT_REQUESTS, settings.RATE_LIMIT_WINDOW)
    return [*policy.limits_on(path), policy.everywhere or default]


class BoundedMemory(MemoryStorage):
    """Moving windows in memory, for at most :data:`CLIENTS_IN_MEMORY` clients.

    The library's own storage never drops the window of a client that stays away, and starts a thread to walk over all
    of them; under a flood of addresses both grow without bound.
    """

    STORAGE_SCHEME = ["temps-memory"]

    def __init__(self) -> None:
        super().__init__()
        self._windows: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        with self._lock:
            window = self._windows.setdefault(key, deque())
            self._windows.move_to_end(key)
            now = _drop_expired(window, expiry)
            if len(window) + amount > limit:
                return False
            window.extend([now] * amount)
            while len(self._windows) > CLIENTS_IN_MEMORY:
                self._windows.popitem(last=False)
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        with self._lock:
            window = self._windows.get(key, deque())
            now = _drop_expired(window, expiry)
            return (window[0], len(window)) if window else (now, 0)


def _drop_expired(window: deque[float], expiry: int) -> float:
    """Drop the moments that have left the window; the time now."""
    now = time.time()
    while window and window[0] <= now - expiry:
        window.popleft()
    return now


class Limiter:
    """Counts requests against limits. One per process, shared by its threads."""

    def __init__(self, redis_url: str = "") -> None:
        self._memory = MovingWindowRateLimiter(BoundedMemory())
        self._redis = MovingWindowRateLimiter(_redis_storage(redis_url)) if redis_url else None
        self._redis_back_at = 0.0

    def hit(self, limits: list[Limit], client: str) -> Usage | None:
        """Count one request. The limit that refuses it, else the one with the least left; None without limits."""
        tightest: Usage | None = None
        for limit in limits:
            usage = self._hit(limit, client)
            if usage.refused:
                return usage
            if tightest is None or usage.remaining < tightest.remaining:
                tightest = usage
        return tightest

    def _hit(self, limit: Limit, client: str) -> Usage:
        if self._redis is not None and time.monotonic() >= self._redis_back_at:
            try:
                return _count(self._redis, limit, client)
            except RedisError as error:
                self._redis_back_at = time.monotonic() + REDIS_PAUSE_SECONDS
                log.error("ratelimit.redis_failed", error=type(error).__name__, fallback="memory of this process")
        return _count(self._memory, limit, client)


def _count(strategy: MovingWindowRateLimiter, limit: Limit, client: str) -> Usage:
    item = RateLimitItemPerSecond(limit.requests, limit.window, namespace="temps")
    passed = strategy.hit(item, limit.path, client)
    stats = strategy.get_window_stats(item, limit.path, client)
    return Usage(limit, max(0, stats.remaining) if passed else 0, stats.reset_time, refused=not passed)


def _redis_storage(url: str) -> RedisStorage:
    pool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return RedisStorage(url, connection_pool=pool)


@cache
def limiter() -> Limiter:
    """The limiter of this process."""
    return Limiter(settings.REDIS_URL)
