"""Rotating a key in the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.api_keys import create_api_key
from accounts.key_authentication import authenticate_key
from accounts.models import ApiKey, User
from tests.world import acting, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("A-09")]


def test_a_key_is_rotated_and_its_old_secret_ended(
    browser_page: Page, live_server: Any, signed_in: Callable[[User], Client]
) -> None:
    world, page = build(), browser_page
    key, old = create_api_key("CI/CD Key", owner=world.owner, actor=acting(world.owner))
    session = signed_in(world.owner).cookies["temps_session"].value
    page.context.add_cookies([{"name": "temps_session", "value": session, "url": live_server.url}])
    page.goto(f"{live_server.url}/accounts/apikey/{key.pk}/change/")

    page.get_by_role("link", name="Rotate").click()
    page.get_by_label("The old secret still works for").fill("7d")
    page.get_by_role("button", name="Rotate").click()
    new = page.locator(".temps-once-value").inner_text()
    assert authenticate_key(new, address="192.0.2.10").id == world.owner.public_id
    assert authenticate_key(old, address="192.0.2.11").id == world.owner.public_id

    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text("from 192.0.2.11")).to_be_visible()
    assert new not in page.content()
    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="End the old secret now").click()
    expect(page.get_by_text("none that works")).to_be_visible()
    assert ApiKey.objects.get().previous_hash == ""
