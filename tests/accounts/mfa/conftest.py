from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User


@pytest.fixture
def here(client: Client) -> Client:
    """A browser at http://localhost, where passkeys work without https."""
    client.defaults["HTTP_HOST"] = "localhost"
    return client


@pytest.fixture
def at_home(here: Client, signed_in: Callable[[User], Client]) -> Callable[[User], Client]:
    """Such a browser with a session of this user, whose app passed."""
    return signed_in
