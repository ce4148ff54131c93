"""The CAPTCHA: a proof of work by ALTCHA (version 2, PBKDF2), which the browser does and the person does not see.

It asks no third party, tracks nobody, and can be done by whoever uses a screen reader. It makes guessing dear: about a
tenth of a second of a processor for each password.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from hashlib import sha256
from hmac import digest
from typing import Any

import altcha
from django.conf import settings

from accounts.lockout.counting import shared
from temps.lib import clock

ALGORITHM = "PBKDF2/SHA-256"
COST = 1000
"""Rounds of PBKDF2 for each number that is tried; 256 are tried on average."""
PREFIX = "00"
LIFETIME = timedelta(minutes=5)
LONGEST = 4096
"""Characters of an answer that are read."""


def new_challenge() -> str:
    """A challenge as the page's script takes it, in JSON."""
    expires = int((clock.now() + LIFETIME).timestamp())
    made = altcha.create_challenge(ALGORITHM, COST, key_prefix=PREFIX, expires_at=expires, hmac_secret=_secret())
    return json.dumps(made.to_dict())


def spend(answer: str) -> bool:
    """Whether ``answer`` solves a challenge of ours that is still good and was not spent before."""
    if not answer or len(answer) > LONGEST:
        return False
    nonce = _nonce(answer)
    if nonce is None or not altcha.verify_solution(answer, _secret()).verified:
        return False
    return bool(shared().add(f"captcha:{nonce}", 1, LIFETIME.total_seconds()))


def _nonce(answer: str) -> str | None:
    """What names the challenge. Read before the signature is verified, and used after it."""
    try:
        said: Any = json.loads(base64.b64decode(answer))
        parameters = said["challenge"]["parameters"]
        known = (parameters["algorithm"], parameters["cost"]) == (ALGORITHM, COST)  # or it could be dear to check
        nonce = parameters["nonce"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return nonce if known and isinstance(nonce, str) else None


def _secret() -> bytes:
    return digest(settings.SECRET_KEY.encode(), b"captcha", sha256)
