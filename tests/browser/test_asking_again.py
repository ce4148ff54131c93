"""Step-up, and the CAPTCHA and the wait after failed sign-ins, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.lockout import counting
from accounts.models import User
from accounts.totp import STEP, code_at
from temps.lib import clock
from tests.browser.pictures import picture
from tests.world import PASSWORD, World, enrol

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sign_in(page: Page, url: str, password: str = PASSWORD) -> None:
    page.goto(f"{url}/accounts/login/")
    submit(page, password)


def submit(page: Page, password: str) -> None:
    page.get_by_label("Email address").fill("owner@example.com")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.promise("A-06")
def test_deleting_a_project_asks_again_who_is_there(
    browser_page: Page, live_server: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser_page
    sign_in(page, live_server.url)
    monkeypatch.setattr("rbac.step_up.RECENT", timedelta())
    page.goto(f"{live_server.url}/projects/project/{world.project.pk}/delete/")
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    picture(page, "confirm-password")
    monkeypatch.undo()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_url(f"{live_server.url}/projects/project/{world.project.pk}/delete/")


@pytest.mark.promise("A-06")
def test_making_a_key_asks_for_a_code_of_the_app(
    console: Callable[[User], Page], live_server: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = console(world.owner)
    monkeypatch.setattr("rbac.step_up.RECENT", timedelta())
    page.goto(f"{live_server.url}/accounts/apikey/add/")
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    picture(page, "confirm-app")
    monkeypatch.undo()
    page.get_by_label("Code").fill(code_at(enrol(world.owner), clock.now().timestamp() + STEP))
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_url(f"{live_server.url}/accounts/apikey/add/")


@pytest.mark.promise("A-12")
def test_after_failures_the_browser_calculates_and_then_one_waits(
    browser_page: Page, live_server: Any, world: World
) -> None:
    page = browser_page
    sign_in(page, live_server.url, "not the password")
    for _ in range(counting.CAPTCHA_HERE - 1):
        submit(page, "not the password")
    expect(page.get_by_role("status")).to_contain_text("has done a short calculation")
    picture(page, "sign-in-captcha")
    submit(page, PASSWORD)
    expect(page).to_have_url(f"{live_server.url}/")


@pytest.mark.promise("A-12")
def test_whoever_goes_on_guessing_waits(
    browser_page: Page, live_server: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first wait is of one second, which a slow machine lets pass between two clicks.
    monkeypatch.setattr(counting.Limit, "wait_after", lambda limit, tries: 0 if tries < limit.free else 900)
    page = browser_page
    sign_in(page, live_server.url, "not the password")
    for _ in range(counting.HERE.free):
        if page.get_by_role("status").count():
            expect(page.get_by_role("status")).to_contain_text("has done a short calculation")
        submit(page, "not the password")
    expect(page.get_by_role("heading", name="Too many")).to_be_visible()
    picture(page, "too-many-attempts")
