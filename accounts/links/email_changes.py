"""Another address for one's account, and another name.

An address is what passwords are reset by, so both agree: the new one that it exists and is theirs, the old one that
nobody took the session over. The address is asked for duplicates at the end, when it counts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from django.db import IntegrityError, transaction

from accounts.links.limits import count_email_change
from accounts.links.models import EmailChange, EmailLink, Purpose
from accounts.links.opening import CLOSED, use
from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.models import User
from accounts.services import clean_email, clean_name
from accounts.sessions import without_rights
from audit.actions import Action
from audit.services import record
from rbac.step_up import ASKED, require_recent
from temps.lib import clock, mail
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Denied, Invalid, NotFound
from temps.lib.queue import after_commit

LIFETIME = timedelta(hours=24)
TAKEN = "this address cannot be used: there is an account with it"


@transaction.atomic
def change_own_name(user: User, name: str, *, actor: Actor) -> User:
    """How one is called."""
    _require_own(user, actor)
    user.name = clean_name(name)
    user.save(update_fields=["name"])
    record(actor, Action.USER_UPDATE, ("user", user.public_id), f"{user.email} changed their name")
    return user


@transaction.atomic
def request_email_change(user: User, new_email: str, *, actor: Actor, base_url: str) -> EmailChange:
    """Ask both addresses. An earlier request that is not answered yet ends; the answer does not tell whether the new
    address belongs to an account. Raises :class:`TooMuchMail`."""
    _require_own(user, actor)
    require_recent(actor)
    mail.require_server()
    new_email, now = clean_email(new_email), clock.now()
    current = User.objects.select_for_update().get(pk=user.pk)
    if new_email == current.email:
        raise Invalid("that is your address already", field="email")
    count_email_change(new_email, actor=actor)
    EmailChange.objects.filter(user=current, ended_at=None).update(ended_at=now)
    change = EmailChange.objects.create(
        user=current, old_email=current.email, new_email=new_email, created_at=now, expires_at=now + LIFETIME
    )
    for purpose, email in ((Purpose.EMAIL_OLD, change.old_email), (Purpose.EMAIL_NEW, new_email)):
        link = EmailLink.objects.create(
            purpose=purpose,
            email=email,
            user=current,
            change=change,
            base_url=base_url,
            expires_at=change.expires_at,
            address=actor.address or "",
        )
        after_commit("links.send", link.public_id)
    text = f"{current.email} asked to be {new_email} from now on"
    record(actor, Action.EMAIL_CHANGE_REQUEST, ("user", current.public_id), text, metadata={"new": new_email})
    return change


@transaction.atomic
def agree_to_email_change(token: str, purpose: Purpose, *, actor: Actor) -> EmailChange:
    """One of the two addresses agrees; when both have, the address changes.

    Raises :class:`Conflict` when another account has it by then.
    """
    change = _of(use(token, purpose, actor=actor))
    if purpose is Purpose.EMAIL_NEW:
        change.new_agreed_at = clock.now()
    else:
        change.old_agreed_at = clock.now()
    change.save(update_fields=["new_agreed_at", "old_agreed_at"])
    owner = without_rights(change.user, actor)
    said_by = change.new_email if purpose is Purpose.EMAIL_NEW else change.old_email
    text = f"{said_by} agreed to the change from {change.old_email} to {change.new_email}"
    record(owner, Action.EMAIL_CHANGE_AGREE, ("user", change.user.public_id), text)
    if change.old_agreed_at and change.new_agreed_at:
        _finish(change, owner)
    return change


@transaction.atomic
def stop_email_change(token: str, *, actor: Actor) -> EmailChange:
    """The old address does not agree."""
    change = _of(use(token, Purpose.EMAIL_OLD, actor=actor))
    _end(change, without_rights(change.user, actor))
    return change


@transaction.atomic
def cancel_email_change(user: User, *, actor: Actor) -> None:
    """Whoever asked for it no longer wants it."""
    _require_own(user, actor)
    change = EmailChange.objects.select_for_update().filter(user=user, ended_at=None).first()
    if change is None:
        raise Conflict("no change of address is waiting")
    _end(change, actor)


def waiting_change(user: User) -> EmailChange | None:
    """The change that ``user`` asked for, while it waits for an answer."""
    return EmailChange.objects.filter(user=user, ended_at=None, expires_at__gt=clock.now()).first()


def _require_own(user: User, actor: Actor) -> None:
    if actor.user_pk != user.pk or actor.credential.kind not in ASKED:
        raise Denied("an account is changed by its owner, who is signed in", actor=actor)


def _of(link: EmailLink) -> EmailChange:
    """The change that the link is about, locked."""
    rows = EmailChange.objects.select_for_update(of=("self",)).select_related("user")
    change = rows.filter(pk=cast(int, link.change_id)).first()
    if change is None or not change.is_open:
        raise NotFound(CLOSED)
    return change


def _finish(change: EmailChange, owner: Actor) -> None:
    user = User.objects.select_for_update().get(pk=change.user_id)
    if not user.is_active or user.email != change.old_email:
        raise NotFound(CLOSED)
    if User.objects.filter(email=change.new_email).exists():
        raise Conflict(TAKEN, field="email")
    user.email = change.new_email
    try:
        with transaction.atomic():
            user.save(update_fields=["email"])
    except IntegrityError:  # an account that was made at this very moment
        raise Conflict(TAKEN, field="email") from None
    change.ended_at = clock.now()
    change.save(update_fields=["ended_at"])
    text = f"{change.old_email} is {change.new_email} from now on"
    record(owner, Action.USER_EMAIL_CHANGE, ("user", user.public_id), text, metadata={"before": change.old_email})
    tell(user, Text.EMAIL_CHANGED, actor=owner, to=change.old_email, new_address=change.new_email)


def _end(change: EmailChange, actor: Actor) -> None:
    change.ended_at = clock.now()
    change.save(update_fields=["ended_at"])
    text = f"stopped the change from {change.old_email} to {change.new_email}"
    record(actor, Action.EMAIL_CHANGE_STOP, ("user", change.user.public_id), text)
