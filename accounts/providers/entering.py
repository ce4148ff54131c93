"""From what a provider has proven to the account that is entered, which exists, is made, or is refused.

The provider's subject finds the account, and nothing else does. An address is what anybody may write into an account
elsewhere: it never opens one here that exists.
"""

from __future__ import annotations

from dataclasses import replace

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.models import User, UserKind
from accounts.providers.groups import follow_groups
from accounts.providers.models import IdentityProvider
from accounts.providers.proof import Proven, Reason, Refused
from accounts.services import create_user
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib.actor import Actor
from temps.lib.errors import Conflict

WORKER = "accounts.providers"
"""The background actor that makes accounts, where a provider may."""


@transaction.atomic
def account_of(provider: IdentityProvider, proven: Proven, *, actor: Actor) -> User:
    """The account that ``proven`` is linked with, or a new one where the provider makes them; its roles follow its
    groups. ``actor`` is the visitor, who has no rights yet. Raises :class:`Refused`."""
    # One at a time for a provider: two first sign-ins of one person must not make two accounts.
    IdentityProvider.objects.select_for_update().get(pk=provider.pk)
    link = _link_of(provider, proven)
    if link is None:
        user = _made(provider, proven, actor)
    else:
        user = link.user
        if not user.is_active or user.kind != UserKind.PERSON:
            raise Refused(Reason.NO_ACCOUNT, account=user.public_id)
        link.extra_data = proven.kept
        link.save()
    follow_groups(user, provider, proven.groups, actor=actor)  # none, where the provider has no such claim any more
    return user


def record_refusal(provider: IdentityProvider, refused: Refused, *, actor: Actor) -> None:
    """Tell the audit log, once and then counted, that a sign-in led nowhere."""
    record_folded(
        actor,
        Action.USER_SIGN_IN,
        ("user", refused.account or "unknown"),
        f"sign-in with {provider.name} refused: {refused.reason.value}",
        metadata={"way": "oauth", "provider": provider.slug, "reason": refused.reason.value, "detail": refused.message},
        result=Result.FAILURE,
    )


def _link_of(provider: IdentityProvider, proven: Proven) -> SocialAccount | None:
    rows = SocialAccount.objects.select_related("user")
    return rows.filter(provider=provider.public_id, uid=proven.subject).first()


def _made(provider: IdentityProvider, proven: Proven, visitor: Actor) -> User:
    """A new account without any role. Raises :class:`Refused` where the provider makes none for this person."""
    if not provider.create_accounts:
        raise Refused(Reason.NO_ACCOUNT)
    if not proven.email or not proven.email_verified:
        raise Refused(Reason.UNVERIFIED)
    if proven.email.rpartition("@")[2] not in provider.domains:
        raise Refused(Reason.DOMAIN)
    worker = Actor.system(WORKER)
    worker = replace(
        worker,
        address=visitor.address,
        user_agent=visitor.user_agent,
        request_id=visitor.request_id or worker.request_id,
    )
    try:
        user = create_user(proven.email, name=proven.name, actor=worker)
    except Conflict:
        raise Refused(Reason.NO_ACCOUNT, "the address belongs to an account that is not linked") from None
    SocialAccount.objects.create(user=user, provider=provider.public_id, uid=proven.subject, extra_data=proven.kept)
    text = f"linked {user.email} with the account at {provider.name} that it was made for"
    record(worker, Action.ACCOUNT_LINK, ("user", user.public_id), text, metadata={"provider": provider.slug})
    return user
