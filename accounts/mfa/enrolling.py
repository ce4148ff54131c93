"""Who may add a second factor to an account, asked alike for the app, passkeys and recovery codes."""

from __future__ import annotations

from accounts.browser_sessions.services import end_sessions_of
from accounts.models import User
from accounts.policy import factors_of
from rbac.step_up import require_recent
from temps.lib.actor import Actor, CredentialKind
from temps.lib.errors import Denied, Invalid, NotFound

LONGEST_NAME = 60
NO_LONGER_OPEN = "this enrolment is no longer open: start again"


def require_may_enrol(user: User, *, actor: Actor) -> None:
    """Raise unless ``actor`` may enrol a factor of ``user``, whose row stays locked for the transaction.

    Someone in the middle of signing in has shown a password and nothing else: they enrol the first factor alone, and
    where another was enrolled meanwhile they have to show that one (:class:`NotFound`). Someone who is signed in adds
    further ones, once they have confirmed lately that it is them.
    """
    if actor.id != user.public_id:
        raise Denied("a second factor is enrolled by its owner alone", actor=actor)
    lock_factors(user)
    if actor.user_pk is None:
        if factors_of(user):
            raise NotFound(NO_LONGER_OPEN)
        return
    if actor.credential.kind is not CredentialKind.SESSION:
        raise Denied("a second factor is enrolled in a browser", actor=actor)
    require_recent(actor)


def lock_factors(user: User) -> None:
    """Let nobody else add or remove a factor of ``user`` until this transaction ends."""
    User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()


def end_others(user: User, why: str, *, actor: Actor) -> None:
    """End the sessions of ``user`` but the one that ``actor`` changes a factor in (A-11)."""
    but = actor.credential.id if actor.user_pk == user.pk else ""
    end_sessions_of(user, but=but, reason=why, actor=actor)


def clean_name(name: str) -> str:
    """``name`` without surrounding blanks. Raises :class:`Invalid`."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(f"a name has 1 to {LONGEST_NAME} characters, all of them printable", field="name")
    return name
