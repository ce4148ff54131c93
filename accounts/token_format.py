"""What an API token is: a JSON Web Token (RFC 7519), signed by a key of :mod:`accounts.token_keys`.

Access and refresh tokens differ in their type (``typ``, RFC 8725 section 3.11) and in their audience, so that neither
passes for the other. What is in them is not secret.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from enum import Enum
from typing import Any

import jwt
from django.conf import settings

from accounts.token_keys import REFRESH_LIFETIME, signer, verifier
from temps.lib import clock

ISSUER = "temps"
LONGEST = 4096
"""Characters; ours have about 500."""
REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "fam")


class BadToken(Exception):
    """Not ours, altered, expired, or for another purpose: one error for all."""


class Kind(Enum):
    """The type and the audience of a token."""

    ACCESS = ("at+jwt", "temps-api")
    """RFC 9068."""
    REFRESH = ("rt+jwt", "temps-refresh")

    @property
    def lifetime(self) -> timedelta:
        lifetime: timedelta = settings.JWT_ACCESS_LIFETIME if self is Kind.ACCESS else REFRESH_LIFETIME
        return lifetime


def make(kind: Kind, claims: dict[str, Any], *, not_after: int) -> tuple[str, str]:
    """A token that says ``claims``, and its id (``jti``). It expires at ``not_after`` (in seconds) at the latest."""
    typ, audience = kind.value
    now, token_id, key = int(clock.now().timestamp()), secrets.token_hex(16), signer()
    times = {"iat": now, "exp": min(now + int(kind.lifetime.total_seconds()), not_after)}
    body = {"iss": ISSUER, "aud": audience, **claims, **times, "jti": token_id}
    headers = {"kid": key.key_id, "typ": typ}
    return jwt.encode(body, key.signing, algorithm=key.algorithm, headers=headers), token_id


def read(kind: Kind, presented: str) -> dict[str, Any]:
    """The claims of a token of ours that is good now. Raises :class:`BadToken`."""
    typ, audience = kind.value
    if len(presented) > LONGEST or not presented.isascii():
        raise BadToken
    try:
        header = jwt.get_unverified_header(presented)
        key = verifier(header.get("kid"))
        if key is None or header.get("typ") != typ:
            raise BadToken
        return jwt.decode(
            presented,
            key.verifying,
            algorithms=[key.algorithm],
            issuer=ISSUER,
            audience=audience,
            options={"require": list(REQUIRED), "strict_aud": True},
        )
    except jwt.InvalidTokenError:
        raise BadToken from None
