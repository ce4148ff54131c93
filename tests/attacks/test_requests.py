"""Requests that are cheap to send and were dear to answer, or that said more than they should."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from temps.logs import SHARED, on_one_line
from tests.world import World

Api = Callable[..., APIClient]
BRACKETS = "[" * 100_000


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("path", ["auth/token", "auth/refresh", "auth/revoke"])
def test_a_body_of_brackets_is_a_mistake_of_the_sender(db: None, path: str) -> None:
    answer = APIClient().post(f"/api/v1/{path}", BRACKETS, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("header", ["[" * 3000, "{}", '{"alg":"none"}', "\xff"])
def test_a_token_of_nonsense_is_no_token(db: None, header: str) -> None:
    forged = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=") + ".e30."
    answer = APIClient().get("/api/v1/users/me/", headers={"authorization": f"Bearer {forged}"})
    assert answer.status_code == 401


@pytest.mark.promise("O-10")
@pytest.mark.parametrize(
    "path",
    [
        *("users/%00/", "api-keys/%00/", "firewall/rules/%00/", "firewall/rate-limits/%00/", "audit/exports/%00/"),
        *("projects/shop/variables/%00/", "projects/shop/bundle/?environment=%00", "audit/events/%00/"),
    ],
)
def test_a_nul_in_the_address_is_a_mistake_of_the_sender(api: Api, world: World, path: str) -> None:
    assert api(world.admin).get(f"/api/v1/{path}").status_code == 400


@pytest.mark.promise("O-10")
def test_the_schema_is_made_once(db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get("/api/schema/")
    monkeypatch.setattr("drf_spectacular.generators.SchemaGenerator.parse", _must_not_run)
    for query in ("", "?version=2", "?lang=de", "?x=1"):
        again = client.get(f"/api/schema/{query}")
        assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "TRACE", "MADE-UP"])
@pytest.mark.parametrize("path", ["/api/docs/", "/api/schema/", "/api/v1/", "/.well-known/jwks.json", "/healthz"])
def test_no_method_is_an_error_of_ours(db: None, client: Client, path: str, method: str) -> None:
    assert client.generic(method, path).status_code < 500


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("path", ["projects/", "projects/shop/variables/", "api-keys/", "users/me/", "domains/"])
def test_no_cache_keeps_an_answer_of_the_api(api: Api, world: World, path: str) -> None:
    answer = api(world.admin).get(f"/api/v1/{path}")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")


@pytest.mark.promise("O-06")
def test_no_address_forges_a_line_of_the_log() -> None:
    assert on_one_line in SHARED
    event = on_one_line(None, "info", {"event": "request", "path": "/x\n2026-01-01 [info] \x1b[2Jsigned in"})
    assert event["path"] == "/x 2026-01-01 [info]  [2Jsigned in"


def _must_not_run(*_args: Any, **_options: Any) -> None:
    raise AssertionError("made again")
