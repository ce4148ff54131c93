"""The providers that people may sign in with: made, changed, enabled and removed."""

from __future__ import annotations

from typing import Unpack

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from accounts.group_roles.services import forget_source
from accounts.providers.groups import forget_all_groups
from accounts.providers.models import IdentityProvider, Kind, check_slug
from accounts.providers.sealed import open_client_secret, seal_client_secret
from accounts.providers.settings import Given, apply, checked_secret, checked_server
from audit.actions import Action
from audit.masking import printable
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_person
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound


def provider_by_id(public_id: str, *, actor: Actor) -> IdentityProvider:
    """The provider, if ``actor`` may see it. Raises :class:`NotFound` when not."""
    return _found(IdentityProvider.objects.visible_to(actor).filter(public_id=public_id).first(), public_id)


def provider_by_slug(slug: str, *, actor: Actor) -> IdentityProvider:
    """As :func:`provider_by_id`."""
    return _found(IdentityProvider.objects.visible_to(actor).filter(slug=slug.strip()).first(), slug)


def offered() -> QuerySet[IdentityProvider]:
    """Those that anybody may begin a sign-in with: their names stand on the sign-in page."""
    return IdentityProvider.objects.filter(enabled=True)


def redirect_uri(provider: IdentityProvider, request: HttpRequest | None = None) -> str:
    """Where the provider sends people back to, as it is registered there: compared there letter by letter.

    Under ``TEMPS_PUBLIC_URL`` where that is set, else under the host of ``request``, which is one of ``ALLOWED_HOSTS``;
    with neither, the path alone.
    """
    path = reverse("identity_provider_callback", args=[provider.slug])
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL).rstrip("/") + path
    return request.build_absolute_uri(path) if request is not None else path


@transaction.atomic
def create_provider(
    slug: str, kind: str, *, actor: Actor, server_url: str = "", enabled: bool = True, **given: Unpack[Given]
) -> IdentityProvider:
    """Let people sign in with accounts of this provider. The client secret is sealed, and never shown again."""
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    if kind not in Kind.values:
        raise Invalid(f"a provider is one of {', '.join(Kind.values)}", field="kind")
    provider = IdentityProvider(slug=_free_slug(slug), kind=kind, enabled=enabled, created_by=actor.label)
    provider.server_url = checked_server(server_url, Kind(kind))
    apply(provider, given)
    seal_client_secret(provider, checked_secret(given.get("client_secret", "")))
    provider.save()
    text = f"let people sign in with {provider.name} ({provider.server_url})"
    record(actor, Action.IDENTITY_PROVIDER_CREATE, provider, text, metadata=_told(provider))
    return provider


@transaction.atomic
def change_provider(provider: IdentityProvider, *, actor: Actor, **given: Unpack[Given]) -> IdentityProvider:
    """Change how it is used; what is left out stays, and so do short name, kind and server."""
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    provider = _locked(provider)
    before = _told(provider)
    apply(provider, given)
    secret = given.get("client_secret", "")
    if secret:
        open_client_secret(provider)  # a row whose secret does not open is not ours to go on with
        provider.revision += 1
        seal_client_secret(provider, checked_secret(secret))
    provider.save()
    if before["groupsClaim"] and not provider.groups_claim:
        forget_all_groups(provider, actor=actor)
    changed = {"before": before, "after": _told(provider), "secretReplaced": bool(secret)}
    text = f"changed the sign-in with {provider.name}"
    record(actor, Action.IDENTITY_PROVIDER_UPDATE, provider, text, metadata=changed)
    return provider


@transaction.atomic
def set_enabled(provider: IdentityProvider, enabled: bool, *, actor: Actor) -> IdentityProvider:
    """Offer it on the sign-in page, or no longer. Links stay and sessions go on; the roles that its groups gave are
    taken, and come back with the next sign-in."""
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    provider = _locked(provider)
    if provider.enabled != enabled:
        provider.enabled = enabled
        provider.save(update_fields=["enabled"])
        text = f"{'enabled' if enabled else 'disabled'} the sign-in with {provider.name}"
        record(actor, Action.IDENTITY_PROVIDER_UPDATE, provider, text, metadata={"enabled": enabled})
        if not enabled:
            forget_all_groups(provider, actor=actor)
    return provider


@transaction.atomic
def delete_provider(provider: IdentityProvider, *, actor: Actor) -> None:
    """Remove it with every link to it, and the roles that its groups gave. Whoever had no other way in has none."""
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    provider = _locked(provider)
    links = SocialAccount.objects.filter(provider=provider.public_id)
    told = _told(provider) | {"links": links.count()}
    forget_source(provider.group_source, actor=actor)
    links.delete()
    text = f"removed the sign-in with {provider.name} and its links, {told['links']} in number"
    record(actor, Action.IDENTITY_PROVIDER_DELETE, provider, text, metadata=told)
    provider.delete()


def _free_slug(slug: str) -> str:
    slug = slug.strip()
    try:
        check_slug(slug)
    except ValidationError as error:
        raise Invalid(f"this cannot be a short name: {error.messages[0]}", field="slug") from None
    if IdentityProvider.objects.filter(slug=slug).exists():
        raise Conflict(f"there is a provider '{slug}' already", field="slug")
    return slug


def _found(provider: IdentityProvider | None, asked_for: str) -> IdentityProvider:
    if provider is None:
        raise NotFound(f"there is no provider '{printable(asked_for[:60])}': temps provider list shows them")
    return provider


def _locked(provider: IdentityProvider) -> IdentityProvider:
    return _found(IdentityProvider.objects.select_for_update().filter(pk=provider.pk).first(), provider.slug)


def _told(provider: IdentityProvider) -> dict[str, object]:
    """What the audit log says of a provider."""
    told: dict[str, object] = {"slug": provider.slug, "kind": provider.kind, "name": provider.name}
    told |= {"server": provider.server_url, "clientId": provider.client_id, "scopes": provider.scopes}
    told |= {"makesAccounts": provider.create_accounts, "domains": provider.domains}
    return told | {"groupsClaim": provider.groups_claim, "enabled": provider.enabled}
