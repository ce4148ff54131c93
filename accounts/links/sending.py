"""Sending links that were asked for: in the worker, so that nobody sees whether there is an account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts.links.addresses import link_to, new_token
from accounts.links.asking import LIFETIME, offered
from accounts.links.models import EmailLink, InvitationState, Purpose
from accounts.links.opening import about
from accounts.lockout.services import is_known
from accounts.mail.texts import Text, compose
from accounts.models import User, UserKind
from accounts.services import is_linked
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib import clock, mail
from temps.lib.actor import Actor
from temps.lib.errors import Unavailable
from temps.lib.queue import after_commit

log = structlog.get_logger(__name__)

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""Until a link that was not sent is tried again: at first, then twice as long each time, up to the longest."""
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
    :func:`continue_links` as long as the link lives, with a new token. Without a server it waits for one.
    """
    if not mail.available() or not _claim(public_id):
        return
    message, to = _prepare(public_id)
    if message is None:
        EmailLink.objects.filter(public_id=public_id).update(sent_at=clock.now(), last_error="")
        return
    try:
        mail.send(*compose(*message), [to])
    except Unavailable as error:
        _failed(public_id, error.message, actor)
    else:
        _taken(public_id, actor)


def continue_links() -> None:
    """Ask again for what a lost message, or a mail server that was away, left unsent."""
    if not mail.available():
        return
    now = clock.now()
    due = Q(again_at=None, created_at__lt=now - FIRST_WAIT) | Q(again_at__lte=now)
    with transaction.atomic():
        for public_id in waiting_links().filter(due).values_list("public_id", flat=True)[:BATCH]:
            after_commit("links.send", public_id)


def wait_after(tries: int) -> timedelta:
    """How long a link is left alone once somebody has set out to send it for the ``tries``-th time."""
    return min(FIRST_WAIT * (1 << min(tries - 1, 10)), LONGEST_WAIT)


def waiting_links() -> QuerySet[EmailLink]:
    """Those that have not gone out and are still good."""
    return EmailLink.objects.filter(sent_at=None, used_at=None, expires_at__gt=clock.now())


def _claim(public_id: str) -> bool:
    """Whether this sender may set out now. The wait begins here, so that one who is stopped half way has tried too."""
    now = clock.now()
    free = waiting_links().filter(Q(again_at=None) | Q(again_at__lte=now), public_id=public_id)
    tries = free.values_list("tries", flat=True).first()
    if tries is None:
        return False
    claimed = free.filter(tries=tries).update(claimed_at=now, tries=tries + 1, again_at=now + wait_after(tries + 1))
    return bool(claimed)


@transaction.atomic
def _taken(public_id: str, actor: Actor) -> None:
    """The mail server has it."""
    link = _locked(public_id)
    link.sent_at, link.last_error = clock.now(), ""
    link.save(update_fields=["sent_at", "last_error"])
    text = f"mailed {WORDS[link.purpose]} to {link.email}"
    record(actor, Action.LINK_SEND, about(link), text, metadata=_told(link))


@transaction.atomic
def _failed(public_id: str, reason: str, actor: Actor) -> None:
    """It waits, and says why."""
    link = _locked(public_id)
    link.last_error = reason[:200]
    link.save(update_fields=["last_error"])
    log.error("links.not_sent", link=public_id, tries=link.tries, reason=reason)
    text = f"could not mail {WORDS[link.purpose]} to {link.email}: {reason}"
    record_folded(actor, Action.LINK_SEND, about(link), text, metadata=_told(link), result=Result.FAILURE)


def _locked(public_id: str) -> EmailLink:
    return EmailLink.objects.select_related("user").select_for_update(of=("self",)).get(public_id=public_id)


@transaction.atomic
def _prepare(public_id: str) -> tuple[Message | None, str]:
    """A token, and the message with it; none where the link leads to nobody."""
    links = EmailLink.objects.select_related("user", "invitation__project", "change__user")
    link = links.select_for_update(of=("self",)).get(public_id=public_id)
    if _is_asked_for(link) and (not offered(link.purpose) or _floods(link)):
        return None, link.email
    token, link.token_hash = new_token()
    message = _MESSAGES[Purpose(link.purpose)](link, link_to(link.base_url, token))
    if message is None:
        return None, link.email
    link.save(update_fields=["token_hash", "user", "account_mark"])
    void_older(link)
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


def _is_asked_for(link: EmailLink) -> bool:
    """Whether somebody asked for it in a browser, who may be anybody."""
    return link.purpose in ASKED_FOR and bool(link.browser_hash)


def _floods(link: EmailLink) -> bool:
    """Whether ``link`` is one too many. What strangers ask for elsewhere silences nobody who asks from a network where
    they signed in before."""
    since = link.created_at - FLOOD
    sent = EmailLink.objects.filter(
        purpose=link.purpose, email=link.email, created_at__gt=since, token_hash__isnull=False
    ).exclude(pk=link.pk)
    if sent.filter(network=link.network).count() >= MOST_FROM_ONE_NETWORK:
        return True
    if sent.count() < MOST_TO_ONE_ADDRESS:
        return False
    return not is_known(User.objects.filter(email=link.email).first(), link.network)


def _to_account(text: Text) -> Callable[[EmailLink, str], Message | None]:
    """A message for whoever has an account that is signed in to with a password. One without belongs to a directory or
    provider, which would go unasked; an administrator may offer it one, unless a directory checks it."""

    def message(link: EmailLink, url: str) -> Message | None:
        user = User.objects.filter(email=link.email, is_active=True, kind=UserKind.PERSON).first()
        if user is None or not (user.has_usable_password() if _is_asked_for(link) else not is_linked(user)):
            return None
        link.user, link.account_mark = user, user.get_session_auth_hash()
        return (text if _is_asked_for(link) else Text.RESET_OFFERED), _details(link, url)

    return message


def _to_sign_up(link: EmailLink, url: str) -> Message | None:
    user = User.objects.filter(email=link.email).first()
    if user is None:
        return Text.SIGN_UP_LINK, _details(link, url)
    if not user.is_active or user.kind != UserKind.PERSON:
        return None
    return Text.HAS_ACCOUNT, _details(link, link.base_url + reverse("account_login"))


def _to_invite(link: EmailLink, url: str) -> Message | None:
    invitation = link.invitation
    if invitation is None or invitation.state != InvitationState.PENDING:
        return None
    project = invitation.project.slug if invitation.project else ""
    offer = {"invited_by": invitation.created_by, "role": invitation.role, "project": project}
    return Text.INVITATION, _details(link, url) | offer


def _to_change(text: Text) -> Callable[[EmailLink, str], Message | None]:
    def message(link: EmailLink, url: str) -> Message | None:
        change = link.change
        if change is None or not change.is_open or change.user.email != change.old_email:
            return None
        if text is Text.EMAIL_NEW and User.objects.filter(email=change.new_email).exists():
            return None  # the address of another account: whoever asked is not told
        return text, _details(link, url) | {"account": change.old_email, "new_address": change.new_email}

    return message


_MESSAGES: dict[Purpose, Callable[[EmailLink, str], Message | None]] = {
    Purpose.SIGN_IN: _to_account(Text.SIGN_IN_LINK),
    Purpose.RESET: _to_account(Text.RESET_LINK),
    Purpose.SIGN_UP: _to_sign_up,
    Purpose.INVITATION: _to_invite,
    Purpose.EMAIL_NEW: _to_change(Text.EMAIL_NEW),
    Purpose.EMAIL_OLD: _to_change(Text.EMAIL_OLD),
}


def _details(link: EmailLink, url: str) -> dict[str, object]:
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
