"""Whether what was presented is the secret of a key: Argon2id hashes, and the verdicts on them.

The secret has 178 random bits and needs no slow hash, so the parameters are small (about a millisecond). Verdicts are
kept in the process, since a program sends the same key with every request. The row is read each time all the same, so
revocation, expiry and a disabled owner hold at once; the stored hash is part of the slot, so a new secret is judged
anew and one that has ended is not looked for. The slot holds a keyed hash and no key. Refusals are not kept, or
strangers could fill the room.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from enum import Enum
from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from django.conf import settings
from django.core.cache import cache

from accounts.errors import TooManyAttempts
from accounts.key_format import PresentedKey
from accounts.lockout.counting import network_of
from accounts.models import ApiKey
from temps.lib import clock

CACHED_VERDICTS = 4096
WRONG_SECRETS = 20
"""Wrong secrets that are hashed for one key and one network, in a window of this many seconds:"""
WINDOW_SECONDS = 60

_hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
_verdicts: OrderedDict[tuple[bytes, str], None] = OrderedDict()
_lock = Lock()


class Secret(Enum):
    CURRENT = "current"
    PREVIOUS = "previous"
    """The one before the last rotation, while its grace lasts."""


def hash_of(secret: str) -> str:
    return _hasher.hash(secret)


def secret_shown(key: ApiKey, presented: PresentedKey, address: str | None) -> Secret | None:
    """Which secret of ``key`` was presented; None for neither.

    Raises :class:`TooManyAttempts` instead of hashing where too many wrong ones came from this network for this key:
    the public part of a key is no secret, and each try costs a hash. A secret whose verdict is known goes on working.
    """
    digest = hmac.digest(_slot_key(), presented.token.encode("ascii"), "sha256")
    stored = _stored(key)
    for which, one in stored.items():
        if _is_known((digest, one)):
            return which
    wrong = f"api-key-wrong:{key.pk}:{network_of(address) if address else ''}"
    if cache.get(wrong, 0) >= WRONG_SECRETS:
        raise TooManyAttempts(WINDOW_SECONDS)
    for which, one in stored.items():
        if _verifies(one, presented.secret):
            _remember((digest, one))
            return which
    _count(wrong)
    return None


def _stored(key: ApiKey) -> dict[Secret, str]:
    """The hashes that are good now, the likelier first."""
    if key.has_old_secret_at(clock.now()):
        return {Secret.CURRENT: key.secret_hash, Secret.PREVIOUS: key.previous_hash}
    return {Secret.CURRENT: key.secret_hash}


def _verifies(stored: str, secret: str) -> bool:
    try:
        return _hasher.verify(stored, secret)
    except (VerificationError, InvalidHashError):
        return False


def _count(slot: str) -> None:
    cache.add(slot, 0, WINDOW_SECONDS)
    try:
        cache.incr(slot)
    except ValueError:  # the window ended between the two
        cache.set(slot, 1, WINDOW_SECONDS)


def _slot_key() -> bytes:
    return b"temps/api-key-verdict|" + settings.SECRET_KEY.encode()


def _is_known(slot: tuple[bytes, str]) -> bool:
    with _lock:
        known = slot in _verdicts
        if known:
            _verdicts.move_to_end(slot)
        return known


def _remember(slot: tuple[bytes, str]) -> None:
    with _lock:
        _verdicts[slot] = None
        while len(_verdicts) > CACHED_VERDICTS:
            _verdicts.popitem(last=False)
