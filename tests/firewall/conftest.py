from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from firewall import current, hits


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run in a transaction that never commits, so the notice file stays as it is: look with every request."""
    monkeypatch.setattr(current, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(hits.hits, "_counts", type(hits.hits._counts)())


@pytest.fixture
def ask(client: Client, settings: Any) -> Callable[..., Any]:
    """GET ``path`` as the client at an address, by way of a trusted proxy. ``/api/v1/`` is public."""
    from temps.lib.client_ip import parse_networks

    settings.TRUSTED_PROXIES = parse_networks(["127.0.0.1/32"])

    def get(address: str, path: str = "/api/v1/", **options: Any) -> Any:
        return client.get(path, HTTP_X_FORWARDED_FOR=address, **options)

    return get
