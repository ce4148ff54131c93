"""Tokens for the API: a short-lived access token, and a refresh token that works once (:mod:`accounts.token_format`).

All tokens of one sign-in are a family, and the family is a row: a second use of a refresh token betrays a copy and
ends the family, and so do signing out, a changed password and a disabled account, at once and in every process. No
token is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from typing import Any

from django.db import transaction

from accounts.browser_sessions.services import note_token_use
from accounts.errors import ConsentRequired, EnrolmentRequired, OtpRequired, WrongCredentials
from accounts.mfa.codes import factor_shown_by
from accounts.models import TokenFamily, User
from accounts.policy import factors_of, mfa_required_of, satisfied
from accounts.privacy.notices import owed_by
from accounts.providers.groups import forget_unproven
from accounts.services import actor_for
from accounts.sessions import without_rights
from accounts.sign_in import record_sign_in, user_with_password, way_with_password
from accounts.token_format import BadToken, Kind, make, read
from audit.actions import Action, Result
from audit.services import record
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Unauthenticated

FAMILY_LIFETIME = timedelta(days=30)
"""After this one signs in again, however often tokens were refreshed."""
NOT_VALID = "this token is not valid, or no longer"


Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    access: str
    refresh: str
    expires_in: int
    """Seconds for which ``access`` is good."""


def sign_in(email: str, password: str, otp: str, *, actor: Actor) -> Pair:
    """Tokens for whoever has this password, and a code of their authenticator app, or a recovery code,
    where they have a second factor.

    Raises :class:`WrongCredentials`, :class:`OtpRequired` when the code is missing, :class:`WrongCode`,
    :class:`TooManyAttempts` after wrong codes, and :class:`EnrolmentRequired` for an account that must have a second
    factor and has none: enrolment takes place in the browser, and so does agreeing (:class:`ConsentRequired`).
    """
    user = user_with_password(email, password, actor=actor)
    if user is None:
        raise WrongCredentials("that address and password do not belong together")
    factors, factor = factors_of(user), ""
    if not factors and mfa_required_of(user):
        raise EnrolmentRequired("this account must have a second factor: sign in with a browser to enrol one")
    if owed_by(user):
        raise ConsentRequired("there is a text to agree to: sign in with a browser once")
    if factors:
        if not otp:
            raise OtpRequired("this account has a second factor: send its code, or a recovery code, as 'otp'")
        factor = factor_shown_by(user, otp, actor=without_rights(user, actor))
    return _found_family(user, factor, actor)


def refresh(presented: str, *, actor: Actor) -> Pair:
    """The next pair of tokens. Raises :class:`Unauthenticated`; if this token was used before, the family has ended."""
    token = _read(Kind.REFRESH, presented)
    with transaction.atomic():
        family = _family(token, lock=True)
        if family is None or not _good(family):
            pair = None
        elif not compare_digest(family.current, str(token["jti"])):
            pair = None
            _end(family, "a refresh token was used twice", actor=_owner(family, actor), result=Result.FAILURE)
        else:
            pair = _next_pair(family)
            note_token_use(family, address=actor.address, user_agent=actor.user_agent)
    if pair is None:
        raise Unauthenticated(NOT_VALID)
    return pair


def revoke(presented: str, *, actor: Actor) -> None:
    """End the family of a refresh or an access token (RFC 7009: one that is invalid already is no error)."""
    for kind in Kind:
        try:
            token = read(kind, presented)
        except BadToken:
            continue
        with transaction.atomic():
            family = _family(token, lock=True)
            if family is not None and family.revoked_at is None:
                _end(family, "signed out", actor=_owner(family, actor))


def actor_of_token(presented: str, *, address: str | None, user_agent: str = "", request_id: str = "") -> Actor:
    """The actor who comes with this access token. Raises :class:`Unauthenticated`."""
    family = _family(_read(Kind.ACCESS, presented))
    if family is None or not _good(family):
        raise Unauthenticated(NOT_VALID)
    note_token_use(family, address=address, user_agent=user_agent)
    return actor_for(
        family.user,
        Credential(CredentialKind.JWT, id=family.public_id),
        address=address,
        user_agent=user_agent,
        request_id=request_id,
        confirmed_at=family.confirmed_at,
    )


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
    forget_unproven(user, proven_by="", actor=actor)
    record_sign_in(user, actor=owner, way=way_with_password(user), factor=factor)
    pair = _next_pair(family)
    note_token_use(family, address=actor.address, user_agent=actor.user_agent)
    record(owner, Action.TOKEN_ISSUE, family, f"issued API tokens to {user.email}")
    return pair


def _next_pair(family: TokenFamily) -> Pair:
    """A new pair, whose refresh token becomes the only good one of the family."""
    claims, end = _claims(family), int(family.expires_at.timestamp())
    access, _id = make(Kind.ACCESS, claims, not_after=end)
    following, family.current = make(Kind.REFRESH, claims, not_after=end)
    family.save()
    return Pair(access, following, int(Kind.ACCESS.lifetime.total_seconds()))


def _claims(family: TokenFamily) -> dict[str, Any]:
    """Whom the tokens are for, and how they proved it (``amr``, RFC 8176)."""
    return {
        "sub": family.user.public_id,
        "fam": family.public_id,
        "auth_time": int(family.created_at.timestamp()),
        "amr": ["pwd", "otp", "mfa"] if family.factor else ["pwd"],
    }


def _read(kind: Kind, presented: str) -> Claims:
    try:
        return read(kind, presented)
    except BadToken:
        raise Unauthenticated(NOT_VALID) from None


def _family(token: Claims, *, lock: bool = False) -> TokenFamily | None:
    """The family of a token whose signature was checked. With ``lock``, its row stays locked in this transaction."""
    rows = TokenFamily.objects.select_related("user", "use")
    if lock:
        rows = rows.select_for_update(of=("self",))
    family = rows.filter(public_id=str(token["fam"])).first()
    return family if family is not None and family.user.public_id == token["sub"] else None


def _good(family: TokenFamily) -> bool:
    """Whether what was true at sign-in still is: the account, its password and its second factor."""
    return (
        family.revoked_at is None
        and family.expires_at > clock.now()
        and family.user.is_active
        and _is_mark_of(family.user, family.password_mark)
        and satisfied(family.user, family.factor)
    )


def _is_mark_of(user: User, mark: str) -> bool:
    """Whether the password is still that of the sign-in; also under a SECRET_KEY that was replaced since."""
    marks = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(compare_digest(mark, one) for one in marks)


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
