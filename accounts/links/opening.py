"""Opening a link: what it is about, whether this browser may use it, and using it up."""

from __future__ import annotations

from hmac import compare_digest

from django.db import transaction

from accounts.errors import WrongCode
from accounts.links.addresses import hash_of
from accounts.links.asking import offered
from accounts.links.browser import MOST_WRONG_CODES, code_of, is_the_asking_one
from accounts.links.models import EmailLink, InvitationState, Purpose
from accounts.models import User, UserKind
from accounts.sessions import without_rights
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import NotFound

CLOSED = "this link is not valid: it was used, has expired, or a newer one was sent"


def open_link(token: str) -> EmailLink:
    """The link with this token, which stays as it is. Raises :class:`NotFound` when it is not open."""
    return _open(EmailLink.objects.filter(token_hash=hash_of(token)).first())


def admit(token: str, *, mark: str, code: str, actor: Actor) -> None:
    """Let the browser that asked for the link pass (it has ``mark``), or another with the code that the first shows.

    Raises :class:`WrongCode`, which counts: that is why this is a transaction of its own. After too many the link is
    void. Raises :class:`NotFound` when it is not open.
    """
    with transaction.atomic():
        link = _open(EmailLink.objects.select_for_update().filter(token_hash=hash_of(token)).first())
        right = not link.browser_hash or is_the_asking_one(link, mark)
        right = right or compare_digest(code_of(link.browser_hash).encode(), _digits(code))
        if not right:
            _count_wrong(link, actor)
    if not right:
        raise WrongCode("that is not the code that the browser shows where you asked for the link")


def use(token: str, purpose: Purpose, *, actor: Actor) -> EmailLink:
    """Use the link up, in the transaction of what it is used for. Raises :class:`NotFound` for one that is not open, or
    is for something else. The row is locked, so that of two requests one comes too late."""
    link = _open(EmailLink.objects.select_for_update().filter(token_hash=hash_of(token)).first())
    if link.purpose != purpose:
        raise NotFound(CLOSED)
    link.used_at = clock.now()
    link.save(update_fields=["used_at"])
    record(owner_of(link, actor), Action.LINK_USE, about(link), f"{link.email} used a link: {link.purpose}")
    return link


def owner_of(link: EmailLink, visitor: Actor) -> Actor:
    """Whoever came with the link, as the record names them; they have no rights."""
    return without_rights(link.user, visitor) if link.user is not None else visitor


def _open(link: EmailLink | None) -> EmailLink:
    if link is None or link.used_at is not None or link.expires_at <= clock.now() or not _still_holds(link):
        raise NotFound(CLOSED)
    return link


def _still_holds(link: EmailLink) -> bool:
    """Whether what was true when the link was sent still is."""
    if link.purpose in (Purpose.SIGN_IN, Purpose.RESET):
        user = link.user
        known = user is not None and user.is_active and user.kind == UserKind.PERSON and user.email == link.email
        same = known and compare_digest(link.account_mark, user.get_session_auth_hash() if user else "")
        return same and offered(link.purpose)
    if link.purpose == Purpose.SIGN_UP:
        return offered(link.purpose) and not User.objects.filter(email=link.email).exists()
    if link.purpose == Purpose.INVITATION:
        return link.invitation is not None and link.invitation.state == InvitationState.PENDING
    return link.change is not None and link.change.is_open and link.change.user.is_active


def _count_wrong(link: EmailLink, actor: Actor) -> None:
    link.wrong_codes += 1
    if link.wrong_codes >= MOST_WRONG_CODES:
        link.used_at = clock.now()
    link.save(update_fields=["wrong_codes", "used_at"])
    text = f"a link that was sent to {link.email} was tried in another browser with a wrong code"
    record_folded(owner_of(link, actor), Action.LINK_USE, about(link), text, result=Result.FAILURE)


def about(link: EmailLink) -> tuple[str, str]:
    """What the record of a link is about: the account, as far as there is one."""
    return ("user", link.user.public_id) if link.user is not None else ("link", link.public_id)


def _digits(code: str) -> bytes:
    return "".join(code.split()).encode("utf-8", "replace")
