from __future__ import annotations

from typing import Any

from accounts.providers.models import IdentityProvider
from accounts.providers.services import create_provider
from tests.accounts.providers.elsewhere import CLIENT, SECRET
from tests.world import World


def provider(world: World, url: str, slug: str = "corp", kind: str = "oidc", **given: Any) -> IdentityProvider:
    usual = {"name": slug.title(), "client_id": CLIENT, "client_secret": SECRET}
    return create_provider(slug, kind, server_url=url, actor=world.operator, **(usual | given))


def makes_accounts(world: World, url: str, **given: Any) -> IdentityProvider:
    """One that makes accounts for the people of corp.example."""
    return provider(world, url, **({"create_accounts": True, "domains": ["corp.example"]} | given))
