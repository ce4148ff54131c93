"""What links are used for by people who are not signed in: to sign in, to choose a new password, and to sign up."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction

from accounts.links.asking import require_domain
from accounts.links.models import Purpose
from accounts.links.opening import CLOSED, admit, owner_of, use
from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.models import User
from accounts.services import check_password_quality, create_user, require_own_password
from audit.actions import Action
from audit.services import record
from temps.lib.actor import Actor
from temps.lib.errors import NotFound


def sign_in_by_link(token: str, *, mark: str, code: str = "", actor: Actor) -> User:
    """Who comes with this link. It is used up, also where a second factor is still to come and fails."""
    admit(token, mark=mark, code=code, actor=actor)
    with transaction.atomic():
        link = use(token, Purpose.SIGN_IN, actor=actor)
    return _someone(link.user)


def reset_password(token: str, password: str, *, mark: str, code: str = "", actor: Actor) -> User:
    """Give the account of this link a new password. All its sessions and tokens end, and its owner is told.

    A password that is refused leaves the link as it was, and so does an account that became a directory's meanwhile.
    """
    admit(token, mark=mark, code=code, actor=actor)
    with transaction.atomic():
        link = use(token, Purpose.RESET, actor=actor)
        user, owner = _someone(link.user), owner_of(link, actor)
        require_own_password(user)
        check_password_quality(password, user)
        user.set_password(password)
        user.save(update_fields=["password"])
        text = f"{user.email} chose a new password by a link"
        record(owner, Action.USER_PASSWORD_CHANGE, ("user", user.public_id), text)
        tell(user, Text.PASSWORD_CHANGED, actor=actor)
    return user


def sign_up(token: str, name: str, password: str, *, mark: str, code: str = "", actor: Actor) -> User:
    """Make the account of whoever confirmed their address, without any role."""
    admit(token, mark=mark, code=code, actor=actor)
    with transaction.atomic():
        link = use(token, Purpose.SIGN_UP, actor=actor)
        require_domain(link.email)
        maker = from_where(Actor.system("accounts.sign_up"), actor)
        return create_user(link.email, name=name, password=password, actor=maker)


def from_where(actor: Actor, visitor: Actor) -> Actor:
    """``actor``, coming from where ``visitor`` does: what is done in the name of a link."""
    known = {"address": visitor.address, "user_agent": visitor.user_agent, "request_id": visitor.request_id}
    return replace(actor, **known)  # type: ignore[arg-type]  # by name


def _someone(user: User | None) -> User:
    if user is None:
        raise NotFound(CLOSED)
    return user
