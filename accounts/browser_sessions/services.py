"""Ending sessions, those of browsers and those of API tokens alike, and keeping where tokens are used.

An ended session is refused from the next request on, in every process: each request asks for its row.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from accounts.browser_sessions.listing import is_own
from accounts.browser_sessions.models import AGENT_LIMIT, NOTED_EVERY, BrowserSession, TokenUse
from accounts.models import TokenFamily, User
from audit.actions import Action
from audit.masking import printable
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Denied, NotFound

MOST_NAMED = 50
"""Ids in the record of one ending."""


@transaction.atomic
def end_session(session: BrowserSession | TokenFamily, *, actor: Actor) -> None:
    """End one session: one's own, or anybody's for whoever may change accounts.

    Raises :class:`NotFound` when it has ended meanwhile.
    """
    user = session.user
    if user is None:
        raise NotFound("nobody is signed in to this session")
    if not is_own(user.pk, actor):
        require(actor, Permission.USERS_UPDATE)
    if not _end(user, actor=actor, only=session.public_id):
        raise NotFound("this session has ended already")


@transaction.atomic
def end_other_sessions(*, actor: Actor) -> int:
    """End all sessions of the actor but the one that asks; how many there were."""
    user = User.objects.filter(public_id=actor.id).first()
    if user is None or not is_own(user.pk, actor):
        raise Denied("only a person who is signed in has sessions to end", actor=actor)
    return end_sessions_of(user, but=actor.credential.id, actor=actor)


@transaction.atomic
def end_all_sessions(user: User, *, actor: Actor) -> int:
    """End all sessions of ``user``, for whoever may change accounts; how many there were."""
    require(actor, Permission.USERS_UPDATE)
    return end_sessions_of(user, actor=actor)


@transaction.atomic
def end_everybodys_sessions(*, actor: Actor) -> int:
    """End the sessions of everybody but the one that asks: for the day when something has leaked."""
    require(actor, Permission.USERS_UPDATE)
    users = User.objects.filter(Q(browser_sessions__isnull=False) | Q(token_families__isnull=False))
    # In one order, so that the locks of two who do this at once do not cross.
    return sum(end_sessions_of(user, but=actor.credential.id, actor=actor) for user in users.distinct().order_by("pk"))


@transaction.atomic
def end_sessions_of(user: User, *, actor: Actor, but: str = "", reason: str = "") -> int:
    """End the sessions of ``user`` but the one with the public id ``but``; how many there were.

    A part of services that have asked for their permission already: a changed password or second factor, a disabled
    account. ``reason`` tells the record which.
    """
    return _end(user, actor=actor, but=but, reason=reason)


def note_token_use(family: TokenFamily, *, address: str | None, user_agent: str) -> None:
    """Keep from where the tokens of ``family`` are used; written once a minute at most."""
    now, use = clock.now(), getattr(family, "use", None)
    last = {"last_address": address or "", "last_user_agent": printable(user_agent)[:AGENT_LIMIT]}
    if use is None:
        first = {"address": last["last_address"], "user_agent": last["last_user_agent"]}
        TokenUse.objects.get_or_create(family=family, defaults={"last_seen_at": now, **first, **last})
    elif use.last_seen_at is None or use.last_seen_at <= now - NOTED_EVERY:
        TokenUse.objects.filter(pk=use.pk).update(last_seen_at=now, **last)


def _end(user: User, *, actor: Actor, but: str = "", only: str = "", reason: str = "") -> int:
    browsers = BrowserSession.objects.filter(user=user).exclude(public_id=but)
    families = TokenFamily.objects.filter(user=user, revoked_at=None, expires_at__gt=clock.now()).exclude(public_id=but)
    if only:
        browsers, families = browsers.filter(public_id=only), families.filter(public_id=only)
    ended = list(browsers.select_for_update().order_by("pk").values_list("public_id", flat=True))
    ended += families.select_for_update().order_by("pk").values_list("public_id", flat=True)
    if not ended:
        return 0
    browsers.delete()
    families.update(revoked_at=clock.now())
    what = "a session" if len(ended) == 1 else f"{len(ended)} sessions"
    record(
        actor,
        Action.SESSION_END,
        ("user", user.public_id),
        f"ended {what} of {user.email}" + (f": {reason}" if reason else ""),
        metadata={"ended": len(ended), "sessions": ended[:MOST_NAMED]},
    )
    return len(ended)
