"""A link for a new password, sent to somebody by whoever changes accounts: nobody has to think one up for others."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from accounts.links.limits import count_reset
from accounts.links.models import EmailLink, Purpose
from accounts.models import User, UserKind
from accounts.services import require_own_password
from audit.actions import Action
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_person
from temps.lib import clock, mail
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid
from temps.lib.queue import after_commit

LIFETIME = timedelta(hours=24)


@transaction.atomic
def send_reset_link(user: User, *, actor: Actor, base_url: str) -> EmailLink:
    """Have ``user`` mailed a link to choose a new password with; the one that they have works until they do. It is for
    those too who have none yet.

    Raises :class:`Unavailable` without a mail server, :class:`Conflict` for an account that is disabled or whose
    password a directory checks, :class:`Invalid` for a service, and :class:`TooMuchMail`.
    """
    require(actor, Permission.USERS_UPDATE)
    require_person(actor)
    if user.kind != UserKind.PERSON:
        raise Invalid(f"{user.email} is a service: it has API keys and no password", field="email")
    if not user.is_active:
        raise Conflict(f"{user.email} is disabled: enable the account first")
    require_own_password(user)
    mail.require_server()
    count_reset(user.email, actor=actor)
    link = EmailLink.objects.create(
        purpose=Purpose.RESET, email=user.email, user=user, base_url=base_url, expires_at=clock.now() + LIFETIME
    )
    after_commit("links.send", link.public_id)
    text = f"had a link for a new password sent to {user.email}"
    record(actor, Action.PASSWORD_RESET_OFFER, ("user", user.public_id), text)
    return link
