"""JWT for the API (RFC 7519, RFC 9068 in spirit): a short-lived access token, and a refresh token that works once.

All tokens of one sign-in are a family, and the family is a row: a second use of a refresh token betrays a copy and
ends the family, and so do signing out, a changed password and a disabled account, at once and in every process. No
token is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token

from accounts.errors import EnrolmentRequired, OtpRequired, TooManyAttempts, WrongCode, WrongCredentials
from accounts.models import TokenFamily, User
from accounts.policy import factor_of, mfa_required_of, satisfied
from accounts.services import actor_for
from accounts.sessions import without_rights
from accounts.sign_in import record_sign_in, user_with_password
from accounts.totp import Verdict, verify_code, wait_of
from audit.actions import Action, Result
from audit.services import record
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Unauthenticated

FAMILY_LIFETIME = timedelta(days=30)
"""After this one signs in again, however often tokens were refreshed."""
NOT_VALID = "this token is not valid, or no longer"


class RefreshToken(Token):
    """Not simplejwt's own, which is stored in the database as it is."""

    token_type = "refresh"  # noqa: S105
    lifetime = cast(timedelta, settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"])


@dataclass(frozen=True, slots=True)
class Pair:
    access: str
    refresh: str
    expires_in: int
    """Seconds for which ``access`` is good."""


def sign_in(email: str, password: str, otp: str, *, actor: Actor) -> Pair:
    """Tokens for whoever has this password, and the code of their authenticator app where they have one.

    Raises :class:`WrongCredentials`, :class:`OtpRequired` when the code is missing, :class:`WrongCode`,
    :class:`TooManyAttempts` after wrong codes, and :class:`EnrolmentRequired` for an account that must have a second
    factor and has none: enrolment takes place in the browser.
    """
    user = user_with_password(email, password, actor=actor)
    if user is None:
        raise WrongCredentials("that address and password do not belong together")
    factor = factor_of(user)
    if factor is None and mfa_required_of(user):
        raise EnrolmentRequired("this account must have a second factor: sign in with a browser to enrol one")
    if factor is not None:
        if not otp:
            raise OtpRequired("this account has a second factor: send its code as 'otp'")
        _require_code(user, otp, actor)
    return _found_family(user, factor.public_id if factor else "", actor)


def refresh(presented: str, *, actor: Actor) -> Pair:
    """The next pair of tokens. Raises :class:`Unauthenticated`; if this token was used before, the family has ended."""
    token = _read(RefreshToken, presented)
    with transaction.atomic():
        family = _family(token, lock=True)
        if family is None or not _good(family):
            pair = None
        elif not compare_digest(family.current, str(token["jti"])):
            pair = None
            _end(family, "a refresh token was used twice", actor=_owner(family, actor), result=Result.FAILURE)
        else:
            pair = _next_pair(family)
    if pair is None:
        raise Unauthenticated(NOT_VALID)
    return pair


def revoke(presented: str, *, actor: Actor) -> None:
    """End the family of a refresh or an access token (RFC 7009: one that is invalid already is no error)."""
    for kind in (RefreshToken, AccessToken):
        try:
            token = kind(cast(Any, presented))
        except TokenError:
            continue
        with transaction.atomic():
            family = _family(token, lock=True)
            if family is not None and family.revoked_at is None:
                _end(family, "signed out", actor=_owner(family, actor))


def actor_of_token(presented: str, *, address: str | None, user_agent: str = "", request_id: str = "") -> Actor:
    """The actor who comes with this access token. Raises :class:`Unauthenticated`."""
    family = _family(_read(AccessToken, presented))
    if family is None or not _good(family):
        raise Unauthenticated(NOT_VALID)
    return actor_for(
        family.user,
        Credential(CredentialKind.JWT, id=family.public_id),
        address=address,
        user_agent=user_agent,
        request_id=request_id,
        confirmed_at=family.confirmed_at,
    )


def _require_code(user: User, otp: str, actor: Actor) -> None:
    verdict = verify_code(user, otp, actor=without_rights(user, actor))
    if verdict is Verdict.THROTTLED:
        raise TooManyAttempts(wait_of(user))
    if verdict is not Verdict.ACCEPTED:
        raise WrongCode("that code is not right, or was used already")


@transaction.atomic
def _found_family(user: User, factor: str, actor: Actor) -> Pair:
    now = clock.now()
    family = TokenFamily(
        user=user,
        password_mark=user.get_session_auth_hash(),
        factor=factor,
        confirmed_at=now,
        created_at=now,
        expires_at=now + FAMILY_LIFETIME,
    )
    owner = _owner(family, actor)
    record_sign_in(user, actor=owner, way="password", factor=factor)
    pair = _next_pair(family)
    record(owner, Action.TOKEN_ISSUE, family, f"issued API tokens to {user.email}")
    return pair


def _next_pair(family: TokenFamily) -> Pair:
    """A new pair, whose refresh token becomes the only good one of the family."""
    access, following = AccessToken(), RefreshToken()
    for token in (access, following):
        _fill(token, family)
    following["exp"] = min(following["exp"], int(family.expires_at.timestamp()))
    family.current = following["jti"]
    family.save()
    lifetime = cast(timedelta, settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"])
    return Pair(str(access), str(following), int(lifetime.total_seconds()))


def _fill(token: Token, family: TokenFamily) -> None:
    """Whom the token is for, and how they proved it (``amr``, RFC 8176)."""
    token["sub"] = family.user.public_id
    token["fam"] = family.public_id
    token["auth_time"] = int(family.created_at.timestamp())
    token["amr"] = ["pwd", "otp", "mfa"] if family.factor else ["pwd"]


def _read(kind: type[Token], presented: str) -> Token:
    try:
        return kind(cast(Any, presented))
    except TokenError:
        raise Unauthenticated(NOT_VALID) from None


def _family(token: Token, *, lock: bool = False) -> TokenFamily | None:
    """The family of a token whose signature was checked. With ``lock``, its row stays locked in this transaction."""
    rows = TokenFamily.objects.select_related("user")
    if lock:
        rows = rows.select_for_update(of=("self",))
    family = rows.filter(public_id=str(token.get("fam", ""))).first()
    return family if family is not None and family.user.public_id == token.get("sub") else None


def _good(family: TokenFamily) -> bool:
    """Whether what was true at sign-in still is: the account, its password and its second factor."""
    return (
        family.revoked_at is None
        and family.expires_at > clock.now()
        and family.user.is_active
        and compare_digest(family.password_mark, family.user.get_session_auth_hash())
        and satisfied(family.user, family.factor)
    )


def _owner(family: TokenFamily, actor: Actor) -> Actor:
    """The owner of the family, as the record names them, coming from where ``actor`` does."""
    credential = Credential(CredentialKind.JWT, id=family.public_id)
    return actor_for(
        family.user, credential, address=actor.address, user_agent=actor.user_agent, request_id=actor.request_id
    )


def _end(family: TokenFamily, reason: str, *, actor: Actor, result: Result = Result.SUCCESS) -> None:
    family.revoked_at = clock.now()
    family.save(update_fields=["revoked_at"])
    text = f"ended the API tokens of {family.user.email}: {reason}"
    record(actor, Action.TOKEN_REVOKE, family, text, metadata={"reason": reason}, result=result)
