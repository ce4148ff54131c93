"""The accounts elsewhere that a person may sign in with: linked and unlinked by themselves, and nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.directory.models import DirectoryAccount
from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.mfa.models import Passkey
from accounts.models import User
from accounts.providers.groups import forget_groups
from accounts.providers.models import IdentityProvider
from accounts.providers.proof import Proven
from accounts.providers.services import offered
from audit.actions import Action
from audit.services import record
from rbac.step_up import require_recent
from temps.lib.actor import Actor, CredentialKind
from temps.lib.errors import Conflict, Denied, NotFound


@dataclass(frozen=True, slots=True)
class Linked:
    """A provider, and the account there that is linked, if one is."""

    provider: IdentityProvider
    email: str = ""
    name: str = ""
    since: datetime | None = None
    last_used: datetime | None = None


def links_of(user: User) -> list[Linked]:
    """Every provider that is offered, and those that ``user`` is linked with whether or not they still are."""
    links = {link.provider: link for link in SocialAccount.objects.filter(user=user)}
    known = IdentityProvider.objects.filter(public_id__in=links) | offered()
    return [_linked(provider, links.get(provider.public_id)) for provider in known]


def check_own(user: User, actor: Actor) -> None:
    """Raise :class:`Denied` unless ``actor`` is ``user`` in a browser, and
    :class:`~rbac.step_up.StepUpRequired` unless they confirmed that just now."""
    if actor.user_pk != user.pk or actor.credential.kind is not CredentialKind.SESSION:
        raise Denied("accounts elsewhere are linked by their owner alone, in a browser", actor=actor)
    require_recent(actor)


@transaction.atomic
def link_account(user: User, provider: IdentityProvider, proven: Proven, *, actor: Actor) -> None:
    """Let ``user`` sign in with the account at ``provider`` that they just proved to be theirs.

    Raises :class:`Conflict` where it is somebody else's, or they have another one there.
    """
    check_own(user, actor)
    IdentityProvider.objects.select_for_update().get(pk=provider.pk)  # one at a time, as new accounts are made too
    links = SocialAccount.objects.filter(provider=provider.public_id)
    taken = links.filter(uid=proven.subject).first()
    if taken is not None and taken.user_id == user.pk:
        return
    if taken is not None:
        raise Conflict(f"this account at {provider.name} is linked with another account here")
    if links.filter(user=user).exists():
        raise Conflict(f"another account at {provider.name} is linked already: unlink it first")
    SocialAccount.objects.create(user=user, provider=provider.public_id, uid=proven.subject, extra_data=proven.kept)
    text = f"{user.email} linked an account at {provider.name}"
    about = {"provider": provider.slug, "email": proven.email}
    record(actor, Action.ACCOUNT_LINK, ("user", user.public_id), text, metadata=about)
    tell(user, Text.ACCOUNT_LINKED, actor=actor, provider=provider.name)


@transaction.atomic
def unlink_account(user: User, slug: str, *, actor: Actor) -> IdentityProvider:
    """Sign in with the provider ``slug`` no longer, and lose the roles that its groups gave.

    Raises :class:`NotFound`, and :class:`Conflict` where it is the only way in.
    """
    check_own(user, actor)
    User.objects.select_for_update().get(pk=user.pk)  # of two links that are the last ways in, one stays
    provider = IdentityProvider.objects.filter(slug=slug).first()
    links = SocialAccount.objects.filter(user=user)
    link = links.filter(provider=provider.public_id).first() if provider is not None else None
    if provider is None or link is None:
        raise NotFound("you have no account there that is linked")
    if not _has_another_way(user, link):
        raise Conflict(f"{provider.name} is your only way in: add a passkey first, or link another account")
    link.delete()
    forget_groups(user, provider, actor=actor)
    text = f"{user.email} unlinked their account at {provider.name}"
    record(actor, Action.ACCOUNT_UNLINK, ("user", user.public_id), text, metadata={"provider": provider.slug})
    return provider


def _has_another_way(user: User, link: SocialAccount) -> bool:
    """Whether ``user`` signs in without ``link`` too. Links by mail do not count: they need a server that works."""
    others = SocialAccount.objects.filter(user=user, provider__in=offered().values("public_id")).exclude(pk=link.pk)
    in_directory = DirectoryAccount.objects.filter(user=user).exists()
    return user.has_usable_password() or others.exists() or in_directory or Passkey.objects.filter(user=user).exists()


def _linked(provider: IdentityProvider, link: SocialAccount | None) -> Linked:
    if link is None:
        return Linked(provider)
    kept = link.extra_data if isinstance(link.extra_data, dict) else {}
    return Linked(provider, kept.get("email", ""), kept.get("name", ""), link.date_joined, link.last_login)
