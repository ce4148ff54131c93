"""The API as a browser sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from tests.world import World

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PAGE = {"accept": "text/html"}


def test_a_stranger_is_told_to_sign_in(world: World, client: Client) -> None:
    answer = client.get("/api/v1/projects/", headers=PAGE)
    assert answer.status_code == 401
    assert "sign in, or send an API key" in answer.content.decode()
    assert "/accounts/login/?next=/api/v1/projects/" in answer.content.decode()


def test_there_are_forms_for_what_one_may_do_and_no_others(world: World, signed_in: SignIn) -> None:
    page = signed_in(world.admin).get("/api/v1/projects/", headers=PAGE)
    assert 'method="POST"' in page.content.decode()
    page = signed_in(world.member).get("/api/v1/projects/", headers=PAGE)
    assert page.status_code == 200
    assert 'method="POST"' not in page.content.decode()


@pytest.mark.parametrize("path", ["projects/", "projects/shop/", "firewall/rules/", "domains/", "audit/events/"])
def test_pages_have_no_inline_style_or_script(world: World, signed_in: SignIn, path: str) -> None:
    answer = signed_in(world.admin).get(f"/api/v1/{path}", headers=PAGE)
    assert answer.status_code == 200
    for inline in ("<style", " style=", "<script>", " onclick="):
        assert inline not in answer.content.decode()


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_a_mistyped_address_is_answered_as_everything_else_in_the_api(client: Client, method: str) -> None:
    answer = getattr(client, method)("/api/v1/nothing-such/")
    assert (answer.status_code, answer.json()["code"], answer["Cache-Control"]) == (404, "not_found", "no-store")
    assert answer.json()["requestId"] == answer["X-Request-Id"]


def test_elsewhere_it_is_a_page(client: Client) -> None:
    answer = client.get("/nothing-such/")
    assert (answer.status_code, "text/html" in answer["Content-Type"]) == (404, True)
    assert client.get("/api/v1/projects?page=2")["Location"] == "/api/v1/projects/?page=2"
