"""Setting a secret in the console, signed in with password and code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.totp import code_at
from secrets_vault.models import VariableVersion
from secrets_vault.reading import resolve
from temps.lib import clock
from tests.world import PASSWORD, World, build, enrol

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

VALUE = "line one of it\nline two: p@ss'w\"rd-77"


def sign_in(page: Page, url: str, world: World) -> None:
    device = enrol(world.admin)
    page.goto(url)
    page.get_by_label("Email address").fill(world.admin.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("textbox", name="Code").fill(code_at(device, clock.now().timestamp()))
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page).to_have_title("Dashboard | Temps")


@pytest.mark.promise("S-05", "A-04", "A-05")
def test_a_secret_set_in_the_console_is_sealed_and_never_shown_again(
    browser_page: Page, live_server: Any, data_dir: Path
) -> None:
    world = build()
    page = browser_page
    sign_in(page, live_server.url, world)

    page.get_by_role("link", name="Variables").first.click()
    page.goto(f"{live_server.url}/secrets_vault/variable/add/")
    page.get_by_label("Project").select_option(label="shop")
    page.get_by_label("Key").fill("API_TOKEN")
    page.get_by_label("Value").fill(VALUE)
    page.get_by_role("button", name="Save", exact=True).click()

    row = page.locator("#result_list").get_by_role("link", name="API_TOKEN")
    expect(row).to_be_visible()
    row.click()
    expect(page.get_by_label("Value")).to_have_value("")
    assert "line one of it" not in page.content()

    version = VariableVersion.objects.get()
    assert version.plain is None
    assert b"line one" not in bytes(version.sealed or b"")
    assert resolve(world.project, None, actor=world.operator) == {"API_TOKEN": VALUE}
