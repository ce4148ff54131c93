from __future__ import annotations

from typing import Any

import pytest
from django.test import Client


@pytest.mark.promise("O-02")
def test_only_the_listed_origins_may_read_the_api(db: None, client: Client, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    allowed = client.get("/api/v1/", headers={"Origin": "https://app.example.com"})
    assert allowed["Access-Control-Allow-Origin"] == "https://app.example.com"
    refused = client.get("/api/v1/", headers={"Origin": "https://evil.example.com"})
    assert "Access-Control-Allow-Origin" not in refused


def test_the_console_is_never_shared_across_origins(db: None, client: Client, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    answer = client.get("/accounts/login/", headers={"Origin": "https://app.example.com"})
    assert "Access-Control-Allow-Origin" not in answer
