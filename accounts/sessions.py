"""The browser's session: who it says acts, and when its second factor was passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts.browser_sessions.store import SessionStore
from accounts.models import User
from accounts.policy import satisfied
from accounts.services import actor_for
from temps.lib import clock
from temps.lib.actor import Actor, ActorKind, Credential, CredentialKind
from temps.lib.request import of

_MARK = "confirmed"


def mark_confirmed(session: SessionBase, user: User, factor: str, *, at: datetime | None = None) -> None:
    """Note in ``session`` that ``user`` showed who they are: by the second factor with the public id ``factor``, or by
    signing in, or by the password, where it is empty.

    The mark names the user: in a session that comes to belong to someone else it is worth nothing.
    """
    session[_MARK] = {"user": user.public_id, "factor": factor, "at": (at or clock.now()).timestamp()}


def actor_of_session(request: HttpRequest) -> Actor:
    """Who acts in this session: nobody, unless the sign-in is complete by the policy in force now.

    Asked on every request, so a disabled account, or a new administrator without a second factor, is nobody at once.
    """
    user = request.user
    if isinstance(user, User) and user.is_active:
        mark = _mark_of(request.session, user)
        if satisfied(user, mark.get("factor", "")):
            at = datetime.fromtimestamp(mark["at"], UTC) if mark else None
            if isinstance(request.session, SessionStore):
                request.session.note_use()
            return actor_for(user, session_credential(request), confirmed_at=at, **origin(request))
    return Actor.anonymous(**origin(request))


def session_credential(request: HttpRequest) -> Credential:
    """The browser's session as the record and the list of sessions call it."""
    return Credential(CredentialKind.SESSION, id=getattr(request.session, "public_id", ""))


def forget_confirmed(session: SessionBase) -> None:
    session.pop(_MARK, None)


def confirmed_factor(session: SessionBase, user: User) -> str | None:
    """The factor by which ``user`` is confirmed in ``session`` (empty for none); None if they are not."""
    return _mark_of(session, user).get("factor")


def incomplete_user(request: HttpRequest) -> User | None:
    """The user of a session that lacks the second factor which is asked of them now."""
    user = request.user
    if isinstance(user, User) and user.is_active and not actor_of_session(request).is_authenticated:
        return user
    return None


def without_rights(user: User, visitor: Actor) -> Actor:
    """Someone whose password was right and whose sign-in is not complete: has a name for the record, and no right.

    Rights hang on the key of the account, which this actor does not carry.
    """
    return replace(visitor, kind=ActorKind.USER, id=user.public_id, label=user.email, user_pk=None)


def origin(request: HttpRequest) -> dict[str, Any]:
    """What a request knows about where it comes from, as the arguments of an :class:`Actor`."""
    known = of(request)
    return {
        "address": known.client_address,
        "user_agent": known.META.get("HTTP_USER_AGENT", ""),
        "request_id": known.request_id,
    }


def _mark_of(session: SessionBase, user: User) -> dict[str, Any]:
    mark: dict[str, Any] = session.get(_MARK) or {}
    return mark if mark.get("user") == user.public_id else {}
