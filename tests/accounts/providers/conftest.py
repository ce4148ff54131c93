from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts.providers.models import IdentityProvider
from tests.accounts.providers import made
from tests.accounts.providers.elsewhere import Elsewhere, elsewhere
from tests.accounts.providers.peer import openid_provider
from tests.world import World


@pytest.fixture
def there() -> Iterator[Elsewhere]:
    """A server that speaks OpenID Connect until a test has it speak otherwise."""
    with elsewhere() as server:
        yield server.speaks_openid()


@pytest.fixture
def corp(world: World, there: Elsewhere) -> IdentityProvider:
    """The provider ``corp`` of that server."""
    return made.provider(world, there.url)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A real provider."""
    with openid_provider() as url:
        yield url
