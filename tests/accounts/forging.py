"""Tokens as an attacker would make them."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt

from accounts.models import TokenFamily
from accounts.token_keys import signer
from temps.lib import clock


def claims(**changes: Any) -> dict[str, Any]:
    """What an access token of the only family says; None takes a claim away."""
    family = TokenFamily.objects.get()
    now = int(clock.now().timestamp())
    body = {
        "iss": "temps",
        "aud": "temps-api",
        "sub": family.user.public_id,
        "fam": family.public_id,
        "jti": "1",
        "iat": now,
        "exp": now + 600,
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def signed(*, key: Any = None, algorithm: str = "", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """An access token with claims, headers or a key of one's own; ours where nothing is said."""
    ours = signer()
    header = {"kid": ours.key_id, "typ": "at+jwt"} | (headers or {})
    return jwt.encode(claims(**changes), key or ours.signing, algorithm or ours.algorithm, headers=header)


def unsigned(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand, since no library makes it."""
    parts = (json.dumps(header).encode(), json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
