"""What django-allauth asks of us about accounts elsewhere: which providers there are, and how to reach them."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.http import HttpRequest

from accounts.providers.fetching import Session
from accounts.providers.github import GitHub
from accounts.providers.gitlab import GitLab
from accounts.providers.models import IdentityProvider, Kind
from accounts.providers.openid import OpenId
from accounts.providers.protocol import Flow, Protocol
from accounts.providers.sealed import open_client_secret
from accounts.providers.services import offered

PROTOCOLS: dict[Kind, type[Protocol]] = {Kind.GITHUB: GitHub, Kind.GITLAB: GitLab, Kind.OIDC: OpenId}


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """allauth's own tables of apps and tokens stay empty: the apps are made of our rows, and no token is kept."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        rows = offered()
        if provider:
            rows = rows.filter(public_id=provider)
        if client_id:
            rows = rows.filter(client_id=client_id)
        return [_app(row) for row in rows]

    def get_provider(self, request: HttpRequest, provider: Any, client_id: Any = None) -> Flow:
        row = offered().filter(public_id=provider).first()
        if row is None:
            raise SocialApp.DoesNotExist
        return flow_of(row, request)

    def get_requests_session(self) -> Session:
        return Session()

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Never by allauth's way; ``accounts.providers.entering`` says who gets an account."""
        return False

    def can_authenticate_by_email(self, login: Any, email: str) -> bool:
        """Never: whoever runs a provider would be everybody."""
        return False


def flow_of(provider: IdentityProvider, request: HttpRequest) -> Flow:
    """A sign-in with ``provider``, about to begin or to end. Raises as opening its client secret does."""
    protocol = PROTOCOLS[Kind(provider.kind)](request, provider)
    return Flow(request, app=_app(provider, protocol), protocol=protocol)


def _app(provider: IdentityProvider, protocol: Protocol | None = None) -> SocialApp:
    """What allauth calls an app; never saved. Its secret is opened here, for as long as the request lasts."""
    scopes = [*(protocol.scopes if protocol is not None else ()), *provider.scopes]
    return SocialApp(
        provider=provider.kind,
        provider_id=provider.public_id,
        name=provider.name,
        client_id=provider.client_id,
        secret=open_client_secret(provider),
        settings={"scope": list(dict.fromkeys(scopes))},
    )
