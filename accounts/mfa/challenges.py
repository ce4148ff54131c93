"""Challenges for passkeys: random, for one purpose and one person, good once and for five minutes.

They are kept in the visitor's session. Sessions are read and written back, so of two requests at the same moment both
would find the challenge; that it was spent is therefore noted in the cache as well, in one step.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from enum import StrEnum

from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from accounts.mfa.errors import PasskeyRefused
from accounts.models import User
from temps.lib import clock

LIFETIME = timedelta(minutes=5)
BYTES = 32
EXPIRED = "that took too long, or was done already: try again"
_KEPT = "passkey_challenges"


class Purpose(StrEnum):
    SIGN_IN = "sign-in"
    """With a passkey alone, by whomever it belongs to."""
    SECOND_FACTOR = "second-factor"
    CONFIRM = "confirm"
    """Step-up."""
    ADD = "add"


def issue_challenge(session: SessionBase, purpose: Purpose, user: User | None = None) -> bytes:
    """A fresh challenge in place of the one before for this purpose."""
    challenge = secrets.token_bytes(BYTES)
    issued = {
        "challenge": bytes_to_base64url(challenge),
        "user": user.public_id if user else "",
        "until": (clock.now() + LIFETIME).timestamp(),
    }
    session[_KEPT] = {**(session.get(_KEPT) or {}), purpose.value: issued}
    return challenge


def spend_challenge(session: SessionBase, purpose: Purpose, user: User | None = None) -> bytes:
    """The challenge that was issued for this, once. Raises :class:`PasskeyRefused` when there is none, or no more."""
    kept = dict(session.get(_KEPT) or {})
    issued = kept.pop(purpose.value, None)
    session[_KEPT] = kept
    if issued is None or issued["user"] != (user.public_id if user else ""):
        raise PasskeyRefused(EXPIRED)
    fresh = cache.add(f"passkey-challenge-spent-{issued['challenge']}", 1, LIFETIME.total_seconds())
    if not fresh or clock.now().timestamp() > issued["until"]:
        raise PasskeyRefused(EXPIRED)
    return base64url_to_bytes(issued["challenge"])
