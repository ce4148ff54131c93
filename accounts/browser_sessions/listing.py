"""Where somebody is signed in: their browsers and the API tokens of their programs, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from accounts.browser_sessions.device import in_words, is_handheld
from accounts.browser_sessions.models import NOTED_EVERY, BrowserSession, TokenUse
from accounts.models import SignInPolicy, TokenFamily, User
from accounts.policy import current_policy
from rbac.permissions import Permission
from rbac.services import allowed
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.errors import NotFound

MOST_SHOWN = 200
"""Of each kind, the newest; ending the others ends those that are not shown too."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One browser, or one sign-in over the API with all of its tokens."""

    id: str
    kind: Literal["browser", "api"]
    email: str
    device: str
    handheld: bool
    address: str
    """Where it was last used from."""
    signed_in_from: str
    signed_in_at: datetime
    last_seen_at: datetime
    """To the minute."""
    expires_at: datetime
    """When it ends, whatever is done meanwhile; and earlier if it is not used."""
    current: bool
    """Whether it is the one that asks."""

    @property
    def used_just_now(self) -> bool:
        return self.current or clock.now() - self.last_seen_at <= NOTED_EVERY


def is_own(user_pk: int | None, actor: Actor) -> bool:
    """Whether these are the actor's own sessions. A program with a key acts for somebody, and has none."""
    return user_pk is not None and actor.user_pk == user_pk and actor.credential.kind is not CredentialKind.API_KEY


def own_sessions(*, actor: Actor) -> list[OpenSession]:
    """Those of the actor; none of an API key."""
    return _listed(actor.user_pk, actor) if is_own(actor.user_pk, actor) else []


def sessions_of(user: User, *, actor: Actor) -> list[OpenSession]:
    """Those of ``user``. Raises :class:`NotFound` for whoever may not read accounts, and asks about somebody else."""
    if not is_own(user.pk, actor) and not allowed(actor, Permission.USERS_READ):
        raise NotFound(f"there is no user '{user.public_id}'")
    return _listed(user.pk, actor)


def all_sessions(*, actor: Actor) -> list[OpenSession]:
    """Everybody's, for those who may read accounts; otherwise one's own."""
    return _listed(None, actor) if allowed(actor, Permission.USERS_READ) else own_sessions(actor=actor)


def session_by_id(public_id: str, *, actor: Actor, own: bool = False) -> BrowserSession | TokenFamily:
    """The session with this id, if ``actor`` may see it; with ``own``, if it is theirs. Raises :class:`NotFound`."""
    public_id, now, policy = public_id.strip(), clock.now(), current_policy()
    browsers = BrowserSession.objects.signed_in(policy, now).select_related("user")
    families = TokenFamily.objects.filter(revoked_at=None, expires_at__gt=now).select_related("user")
    found: BrowserSession | TokenFamily | None = (
        browsers.filter(public_id=public_id).first() or families.filter(public_id=public_id).first()
    )
    seen = found is not None and (is_own(found.user_id, actor) or (not own and allowed(actor, Permission.USERS_READ)))
    if found is None or not seen:
        raise NotFound(f"there is no session '{public_id}'")
    return found


def _listed(user_pk: int | None, actor: Actor) -> list[OpenSession]:
    """The one that asks first, then by last use. Without ``user_pk``, everybody's."""
    now, policy = clock.now(), current_policy()
    browsers = BrowserSession.objects.signed_in(policy, now).select_related("user").order_by("-last_seen_at")
    families = TokenFamily.objects.filter(revoked_at=None, expires_at__gt=now).order_by("-id")
    if user_pk is not None:
        browsers, families = browsers.filter(user_id=user_pk), families.filter(user_id=user_pk)
    found = [_of_browser(row, policy, actor) for row in browsers[:MOST_SHOWN]]
    found += [_of_family(row, actor) for row in families.select_related("user", "use")[:MOST_SHOWN]]
    return sorted(found, key=lambda one: (one.current, one.last_seen_at), reverse=True)


def _of_browser(row: BrowserSession, policy: SignInPolicy, actor: Actor) -> OpenSession:
    # The constraint of the table says that there are both, and a user, once somebody has signed in.
    signed_in_at, last_seen_at = row.signed_in_at or row.created_at, row.last_seen_at or row.created_at
    return OpenSession(
        id=row.public_id,
        kind="browser",
        email=row.user.email if row.user else "",
        device=in_words(row.last_user_agent),
        handheld=is_handheld(row.last_user_agent),
        address=row.last_address,
        signed_in_from=row.address,
        signed_in_at=signed_in_at,
        last_seen_at=last_seen_at,
        expires_at=min(row.expires_at, signed_in_at + timedelta(hours=policy.session_hours)),
        current=row.public_id == actor.credential.id,
    )


def _of_family(family: TokenFamily, actor: Actor) -> OpenSession:
    use: TokenUse = getattr(family, "use", None) or TokenUse(family=family)  # none of a sign-in before it was kept
    return OpenSession(
        id=family.public_id,
        kind="api",
        email=family.user.email,
        device=in_words(use.last_user_agent),
        handheld=is_handheld(use.last_user_agent),
        address=use.last_address,
        signed_in_from=use.address,
        signed_in_at=family.created_at,
        last_seen_at=use.last_seen_at or family.created_at,
        expires_at=family.expires_at,
        current=family.public_id == actor.credential.id,
    )
