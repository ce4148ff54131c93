"""What every test can ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.db.models.signals import post_migrate
from django.test import Client
from hypothesis import settings as hypothesis
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import mark_confirmed
from audit import triggers
from firewall.current import current
from firewall.ratelimits import limiter
from temps.lib import clock
from temps.lib.actor import Credential
from tests import peers
from tests import world as worlds
from tests.kept_rows import Kept

built_world = Kept(worlds.build)

# How long an example takes is a matter of what else the machine does.
hypothesis.register_profile("temps", deadline=None)
hypothesis.load_profile("temps")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("postgresql") and "TEMPS_TEST_DATABASE_URL" not in os.environ:
            item.add_marker(pytest.mark.skip(reason="needs PostgreSQL: make test runs it there"))
        if item.get_closest_marker("once") and "db" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid} uses the database, so it cannot be marked as to run once")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Emptying the tables between transactional tests deletes events; the triggers that refuse it are tested apart."""
    post_migrate.disconnect(sender=apps.get_app_config("audit"), dispatch_uid="audit.triggers")
    with django_db_blocker.unblock():
        triggers.drop()


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _fresh_firewall() -> None:
    """What a process remembers between requests: its policy, and who has asked how often."""
    current.forget()
    limiter.cache_clear()


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Time stands still: django-ratelimit counts in fixed windows, and a window that ends in a test would empty it.

    What the wait of a sign-in is kept in stands still too: Redis has a clock of its own.
    """
    memory = LocMemCache("still", {})
    memory.clear()
    monkeypatch.setattr("accounts.lockout.counting.cache", memory)
    with time_machine.travel(clock.now(), tick=False):
        yield


@pytest.fixture
def world(db: None) -> worlds.World:
    return built_world()


@pytest.fixture
def signed_in(client: Client) -> Callable[[User], Client]:
    """A client with a session of this user, second factor passed: an administrator needs one, the others have one."""

    def sign_in(user: User) -> Client:
        client.force_login(user)
        session = client.session
        mark_confirmed(session, user, worlds.enrol(user).public_id)
        session.save()
        return client

    return sign_in


@pytest.fixture
def data_dir(settings: Any, tmp_path: Path) -> Path:
    """A data directory of the test's own, with its own keyring."""
    settings.DATA_DIR = tmp_path
    settings.ENCRYPTION_KEY_FILE = str(tmp_path / "encryption_key")
    return tmp_path


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with peers.redis() as url:
        yield url


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """An API client that speaks as this user, with the credential given or a session; as a stranger without one."""

    def speaking_as(user: User | None = None, credential: Credential | None = None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_authenticate(user, worlds.acting(user, credential))
        return client

    return speaking_as
