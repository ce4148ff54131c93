"""Sending links that were asked for: in the worker, so that nobody sees whether there is an account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from accounts.links.addresses import link_to, new_token
from accounts.links.asking import LIFETIME, offered
from accounts.links.models import EmailLink, InvitationState, Purpose
from accounts.mail.texts import Text, compose
from accounts.models import User, UserKind
from audit.actions import Action
from audit.services import record
from temps.lib import clock, mail
from temps.lib.actor import Actor
from temps.lib.errors import Unavailable
from temps.lib.queue import after_commit

log = structlog.get_logger(__name__)

CLAIM = timedelta(minutes=1)
"""So long a link that somebody set out to send is left to them."""
FLOOD = timedelta(hours=1)
MOST_FROM_ONE_NETWORK = 5
MOST_TO_ONE_ADDRESS = 20
"""Messages of one kind to one address within :data:`FLOOD`: more are asked for to annoy its owner."""
BATCH = 100

Message = tuple[Text, dict[str, object]]
ASKED_FOR = (Purpose.SIGN_IN, Purpose.RESET, Purpose.SIGN_UP)
WORDS: dict[str, str] = {
    Purpose.SIGN_IN: "a sign-in link",
    Purpose.RESET: "a link for a new password",
    Purpose.SIGN_UP: "a link to sign up",
    Purpose.INVITATION: "an invitation",
    Purpose.EMAIL_NEW: "a link to confirm a new address",
    Purpose.EMAIL_OLD: "a link to agree to a new address",
}


def send_link(public_id: str, *, actor: Actor) -> None:
    """Make the token of a link and mail it, or find that it leads to nobody. One sender at a time, and once.

    No transaction is open while the mail server takes its time. What it does not take is tried again by
    :func:`continue_links` as long as the link lives, with a new token.
    """
    now = clock.now()
    waiting = EmailLink.objects.filter(public_id=public_id, sent_at=None, used_at=None, expires_at__gt=now)
    if not waiting.filter(Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM)).update(claimed_at=now):
        return
    message, to = _prepare(public_id, actor)
    if message is not None:
        try:
            mail.send(*compose(*message), [to])
        except Unavailable:
            log.error("links.not_sent", link=public_id)
            return
    EmailLink.objects.filter(public_id=public_id).update(sent_at=clock.now())


def continue_links() -> None:
    """Ask again for what a lost message, or a mail server that was away, left unsent."""
    now = clock.now()
    waiting = EmailLink.objects.filter(sent_at=None, used_at=None, expires_at__gt=now, created_at__lt=now - CLAIM)
    with transaction.atomic():
        for public_id in waiting.values_list("public_id", flat=True)[:BATCH]:
            after_commit("links.send", public_id)


@transaction.atomic
def _prepare(public_id: str, actor: Actor) -> tuple[Message | None, str]:
    links = EmailLink.objects.select_related("user", "invitation__project", "change__user")
    link = links.select_for_update(of=("self",)).get(public_id=public_id)
    if link.purpose in ASKED_FOR and (not offered(link.purpose) or _floods(link)):
        return None, link.email
    token, link.token_hash = new_token()
    message = _MESSAGES[Purpose(link.purpose)](link, link_to(link.base_url, token))
    if message is None:
        return None, link.email
    link.save(update_fields=["token_hash", "user", "account_mark"])
    void_older(link)
    about = ("user", link.user.public_id) if link.user is not None else link
    record(actor, Action.LINK_SEND, about, f"mailed {WORDS[link.purpose]} to {link.email}", metadata=_told(link))
    return message, link.email


def void_older(link: EmailLink) -> None:
    """What ``link`` takes the place of: links for the same, asked for from the same network.

    Whoever asks from elsewhere voids nothing: else a stranger could keep asking, and the owner's would never work.
    """
    older = EmailLink.objects.filter(purpose=link.purpose, email=link.email, used_at=None).exclude(pk=link.pk)
    if link.invitation_id or link.change_id:
        older = older.filter(invitation=link.invitation_id, change=link.change_id)
    else:
        older = older.filter(network=link.network, pk__lt=link.pk)
    older.update(used_at=clock.now())


def _floods(link: EmailLink) -> bool:
    since = link.created_at - FLOOD
    sent = EmailLink.objects.filter(
        purpose=link.purpose, email=link.email, created_at__gt=since, token_hash__isnull=False
    ).exclude(pk=link.pk)
    return sent.filter(network=link.network).count() >= MOST_FROM_ONE_NETWORK or sent.count() >= MOST_TO_ONE_ADDRESS


def _to_account(text: Text) -> Callable[[EmailLink, str], Message | None]:
    """A message for whoever has an account that is signed in to with a password. One without belongs to a directory or
    provider, which would go unasked."""

    def message(link: EmailLink, url: str) -> Message | None:
        user = User.objects.filter(email=link.email, is_active=True, kind=UserKind.PERSON).first()
        if user is None or not user.has_usable_password():
            return None
        link.user, link.account_mark = user, user.get_session_auth_hash()
        return text, _about(link, url)

    return message


def _to_sign_up(link: EmailLink, url: str) -> Message | None:
    user = User.objects.filter(email=link.email).first()
    if user is None:
        return Text.SIGN_UP_LINK, _about(link, url)
    if not user.is_active or user.kind != UserKind.PERSON:
        return None
    return Text.HAS_ACCOUNT, _about(link, link.base_url + reverse("account_login"))


def _to_invite(link: EmailLink, url: str) -> Message | None:
    invitation = link.invitation
    if invitation is None or invitation.state != InvitationState.PENDING:
        return None
    project = invitation.project.slug if invitation.project else ""
    offer = {"invited_by": invitation.created_by, "role": invitation.role, "project": project}
    return Text.INVITATION, _about(link, url) | offer


def _to_change(text: Text) -> Callable[[EmailLink, str], Message | None]:
    def message(link: EmailLink, url: str) -> Message | None:
        change = link.change
        if change is None or not change.is_open or change.user.email != change.old_email:
            return None
        if text is Text.EMAIL_NEW and User.objects.filter(email=change.new_email).exists():
            return None  # the address of another account: whoever asked is not told
        return text, _about(link, url) | {"account": change.old_email, "new_address": change.new_email}

    return message


_MESSAGES: dict[Purpose, Callable[[EmailLink, str], Message | None]] = {
    Purpose.SIGN_IN: _to_account(Text.SIGN_IN_LINK),
    Purpose.RESET: _to_account(Text.RESET_LINK),
    Purpose.SIGN_UP: _to_sign_up,
    Purpose.INVITATION: _to_invite,
    Purpose.EMAIL_NEW: _to_change(Text.EMAIL_NEW),
    Purpose.EMAIL_OLD: _to_change(Text.EMAIL_OLD),
}


def _about(link: EmailLink, url: str) -> dict[str, object]:
    return {
        "link": url,
        "minutes": int(LIFETIME.total_seconds() // 60),
        "until": f"{link.expires_at:%Y-%m-%d %H:%M} UTC",
        "when": f"{link.created_at:%Y-%m-%d %H:%M} UTC",
        "address": link.address,
        "browser": link.browser,
    }


def _told(link: EmailLink) -> dict[str, object]:
    return {"purpose": link.purpose, "to": link.email, "askedFrom": link.address}
