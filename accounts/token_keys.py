"""The keys that sign API tokens, and those that still verify them.

Which algorithm it is, the setting ``JWT_ALGORITHM`` says and never the token (RFC 8725 section 3.1): a key is found by
its ``kid`` among those of that algorithm, and is used with it alone. With HS256 the key is derived from SECRET_KEY;
with ES256 keys are rows, sealed, and their public halves are published for others to verify with.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import TokenKey
from audit.actions import Action
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_person
from secrets_vault.sealing import column, open_sealed, seal
from temps.lib import clock, ids
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, SealError
from temps.lib.jwk import SigningKey

HS256, ES256 = "HS256", "ES256"
REFRESH_LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TokenSigner:
    key_id: str
    algorithm: str
    signing: Any = field(repr=False)
    """What PyJWT signs with: bytes, or a private key."""
    verifying: Any = field(repr=False)


def signer() -> TokenSigner:
    """The key that signs now. The first one for ES256 is made when it is needed."""
    if _algorithm() == HS256:
        return _shared(settings.SECRET_KEY)
    row = _signing_row().first() or rotate_token_key(actor=Actor.system("accounts.tokens"))
    return _opened(row.public_id, bytes(row.private_key))


def verifier(key_id: object) -> TokenSigner | None:
    """The key of that name, if tokens that it signed are still good."""
    if _algorithm() == HS256:
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        return next((key for key in map(_shared, secrets) if key.key_id == key_id), None)
    if not isinstance(key_id, str) or not ids.fits(key_id, "jwk"):
        return None
    row = verifying_keys().filter(public_id=key_id).first()
    try:
        return _opened(row.public_id, bytes(row.private_key)) if row else None
    except SealError:  # a row that somebody else put there
        return None


def verifying_keys() -> QuerySet[TokenKey]:
    """The keys of ES256 whose tokens are good, the newest first."""
    return TokenKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=clock.now()))


def published_keys() -> Iterator[dict[str, str]]:
    """The public halves (RFC 7517) of the keys that verify now; none with HS256, whose key is a secret.

    Told from the private halves, which are sealed: a key that somebody wrote into the database is not published.
    """
    if _algorithm() == ES256:
        for row in verifying_keys():
            key = verifier(row.public_id)
            if key is not None:
                yield SigningKey(key.signing).public_jwk(row.public_id)


@transaction.atomic
def rotate_token_key(*, actor: Actor, at_once: bool = False) -> TokenKey:
    """Sign with a new key from now on. Tokens of the keys before stay good until they expire, or with ``at_once`` not.

    Raises :class:`Conflict` with HS256, whose key is derived from SECRET_KEY.
    """
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    if _algorithm() != ES256:
        raise Conflict("tokens are signed with HS256, by a key that is derived from SECRET_KEY: change that instead")
    now = clock.now()
    list(TokenKey.objects.select_for_update().filter(retired_at=None).values_list("pk"))
    # By then the last token that they signed has expired.
    ends = now + max(REFRESH_LIFETIME, settings.JWT_ACCESS_LIFETIME)
    _signing_row().update(retired_at=now, expires_at=ends)
    if at_once:
        verifying_keys().update(expires_at=now)
    made, row = SigningKey.generate(), TokenKey(created_at=now)
    row.private_key = seal(made.pkcs8, project_pk=None, context=_place(row.public_id))
    row.public_jwk = made.public_jwk(row.public_id)
    row.save()
    text = "made a new key that signs API tokens" + (", and ended the ones before" if at_once else "")
    record(actor, Action.TOKEN_KEY_ROTATE, ("tokenkey", row.public_id), text, metadata={"atOnce": at_once})
    return row


def _signing_row() -> QuerySet[TokenKey]:
    return TokenKey.objects.filter(retired_at=None)


def _algorithm() -> str:
    chosen: str = settings.JWT_ALGORITHM
    if chosen not in (HS256, ES256):
        raise ImproperlyConfigured(f"JWT_ALGORITHM is {HS256} or {ES256}")
    return chosen


@lru_cache(maxsize=8)
def _shared(secret: str) -> TokenSigner:
    """A key for this purpose alone (HMAC as in RFC 5869): what else SECRET_KEY signs is no token."""
    key = hmac.digest(secret.encode(), b"temps/jwt/HS256/1", "sha256")
    key_id = "hs_" + hashlib.sha256(b"temps/jwt/kid/1|" + key).hexdigest()[:16]
    return TokenSigner(key_id, HS256, key, key)


@lru_cache(maxsize=16)
def _opened(key_id: str, sealed: bytes) -> TokenSigner:
    key = SigningKey.from_pkcs8(open_sealed(sealed, project_pk=None, context=_place(key_id)))
    return TokenSigner(key_id, ES256, key.private, key.public)


def _place(key_id: str) -> bytes:
    return column("accounts.tokenkey", key_id, "private_key")
