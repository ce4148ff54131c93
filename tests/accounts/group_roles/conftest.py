from __future__ import annotations

import pytest

from accounts.directory.models import Directory
from tests.accounts.providers import made
from tests.world import World


@pytest.fixture(autouse=True)
def sources(world: World) -> None:
    """What names groups here: ``directory:corp`` and ``provider:idp``."""
    Directory.objects.create(name="corp", uris="ldaps://ldap.example.com", user_base="dc=example,dc=com")
    made.provider(world, "https://idp.example.com", slug="idp")
