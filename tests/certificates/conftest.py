from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from certificates.models import Domain, Tls
from certificates.services import add_domain
from tests import pebble as peer
from tests.certificates import made
from tests.world import World


@pytest.fixture(scope="session")
def running_pebble(live_server: Any) -> Iterator[peer.Pebble]:
    """A Pebble that looks for its proofs on the live server."""
    with peer.pebble(urlsplit(live_server.url).port or 80) as running:
        yield running


@pytest.fixture
def issuer(running_pebble: peer.Pebble, settings: Any, transactional_db: None, data_dir: Any) -> peer.Pebble:
    """The Pebble that the settings name."""
    settings.ACME_DIRECTORY_URL = running_pebble.directory_url
    settings.ACME_CA_BUNDLE = running_pebble.ca_bundle
    return running_pebble


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """What went to the broker: task names with their arguments."""
    messages: list[tuple[str, tuple[Any, ...]]] = []
    monkeypatch.setattr(
        "temps.celery.app.send_task", lambda name, args, **_options: messages.append((name, tuple(args)))
    )
    return messages


@pytest.fixture(scope="session")
def root() -> made.Made:
    return made.authority()


@pytest.fixture
def manual(world: World, data_dir: Any) -> Domain:
    """A domain of the world's project that waits for an upload."""
    return add_domain("shop.example.com", tls=Tls.MANUAL, project=world.project, actor=world.operator)
