"""From the setup link to the console, and in again with password and code, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import TotpDevice, User
from accounts.setup import setup_url
from accounts.totp import STEP, code_at
from temps.lib import clock
from tests.browser.pictures import picture
from tests.world import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

EMAIL = "first@example.com"


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def enter_code(page: Page, button: str, *, steps: int = 0) -> None:
    """Type the code that the app of the only user shows, ``steps`` from now."""
    page.get_by_role("textbox", name="Code").fill(
        code_at(TotpDevice.objects.get(), clock.now().timestamp() + steps * STEP)
    )
    press(page, button)


@pytest.mark.promise("A-04", "A-05", "A-13")
def test_the_first_administrator_from_the_link_to_the_console(browser_page: Page, live_server: Any) -> None:
    page = browser_page
    link = setup_url(live_server.url) or ""
    page.goto(link)
    picture(page, "setup")
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Name").fill("First")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    press(page, "Create the administrator")

    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert User.objects.get().last_login is None
    picture(page, "enrol")
    enter_code(page, "Turn it on and continue")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    picture(page, "recovery-codes")
    press(page, "I have kept them: continue")
    expect(page).to_have_url(f"{live_server.url}/")
    expect(page).to_have_title("Dashboard | Temps")

    page.goto(f"{live_server.url}/accounts/logout/")
    picture(page, "sign-out")
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    picture(page, "second-factor-app")
    enter_code(page, "Continue", steps=1)
    expect(page).to_have_url(f"{live_server.url}/")
    page.goto(link)
    expect(page.get_by_role("heading", name="This setup link is not valid")).to_be_visible()
    picture(page, "setup-closed")
