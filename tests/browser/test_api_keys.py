"""Making, rotating and revoking a key in the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.api_keys import create_api_key
from accounts.key_authentication import authenticate_key
from accounts.models import ApiKey, User
from tests.browser.pictures import picture
from tests.world import acting, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("A-08", "A-09")]


def test_a_key_is_rotated_and_its_old_secret_ended(console: Callable[[User], Page], live_server: Any) -> None:
    world = build()
    key, old = create_api_key("CI/CD Key", owner=world.owner, actor=acting(world.owner))
    page = console(world.owner)
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
    expect(page.get_by_role("heading", name="The old secret")).to_be_visible()
    picture(page, "api-key-rotate")
    page.get_by_role("button", name="End the old secret now").click()
    expect(page.get_by_text("none that works")).to_be_visible()
    assert ApiKey.objects.get().previous_hash == ""


def test_a_key_is_made_shown_once_and_revoked(console: Callable[[User], Page], live_server: Any) -> None:
    page = console(build().owner)
    page.goto(f"{live_server.url}/accounts/apikey/add/")
    page.locator("#id_name").fill("CI/CD Key")
    page.locator("#id_scopes").fill("projects:read, deployments:create")
    page.locator("#id_allowed_networks").fill("192.0.2.0/24")
    picture(page, "api-key-new")
    page.get_by_role("button", name="Save", exact=True).click()
    token = page.locator(".temps-once-value").inner_text()
    assert authenticate_key(token, address="192.0.2.10").id == ApiKey.objects.get().owner.public_id
    picture(page, "api-key-made")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.locator("#result_list")).to_contain_text("CI/CD Key")
    picture(page, "api-keys")
    page.locator("#result_list").get_by_role("link", name="CI/CD Key").click()
    expect(page.get_by_text("none that works")).to_be_visible()
    assert token not in page.content()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_text("There is no way back")).to_be_visible()
    picture(page, "api-key-revoke")
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("Revoked CI/CD Key")).to_be_visible()
    assert ApiKey.objects.get().revoked_at is not None
