"""Links by mail in a real browser: signing in, choosing a password, signing up."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.policy import change_policy
from tests.browser.pictures import picture
from tests.browser.post import mailed
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _mail_server(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.com"


@pytest.mark.promise("A-02")
def test_signing_in_by_a_link(browser_page: Page, live_server: Any, world: World) -> None:
    page = browser_page
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_role("link", name="Email me a sign-in link").click()
    expect(page.get_by_role("heading", name="Sign in by mail")).to_be_visible()
    picture(page, "link-ask")
    page.get_by_label("Email address").fill(world.owner.email)
    page.get_by_role("button", name="Email me a link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    picture(page, "link-sent")
    link = mailed(live_server.url)
    page.goto(link)
    picture(page, "link-open")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_title("Dashboard | Temps")
    page.goto(link)
    expect(page.get_by_role("heading", name="This link is not valid")).to_be_visible()
    picture(page, "link-used")


@pytest.mark.promise("A-02")
def test_a_link_in_another_browser_asks_for_the_code(browser_page: Page, live_server: Any, world: World) -> None:
    page = browser_page
    page.goto(f"{live_server.url}/accounts/reset/")
    picture(page, "reset-ask")
    page.get_by_label("Email address").fill(world.owner.email)
    page.get_by_role("button", name="Email me a link").click()
    code = page.locator("code.key").inner_text()
    page.context.clear_cookies()
    page.goto(mailed(live_server.url))
    expect(page.get_by_role("note")).to_contain_text("not the browser")
    picture(page, "link-open-elsewhere")
    page.get_by_label("Code").fill(code)
    page.get_by_label("New password", exact=True).fill("sevenfold umbrella lantern 9")
    page.get_by_label("New password again").fill("sevenfold umbrella lantern 9")
    page.get_by_role("button", name="Set the password").click()
    expect(page).to_have_title("Dashboard | Temps")


@pytest.mark.promise("A-13")
def test_signing_up_where_it_is_open(browser_page: Page, live_server: Any, world: World) -> None:
    change_policy({"sign_up": "open"}, actor=world.operator)
    page = browser_page
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Email address").fill("fresh@example.com")
    picture(page, "sign-up-ask")
    page.get_by_role("button", name="Email me a link").click()
    page.goto(mailed(live_server.url))
    picture(page, "sign-up-open")
    page.get_by_label("Your name").fill("Fresh")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    expect(page).to_have_title("Dashboard | Temps")
    assert not User.objects.get(email="fresh@example.com").grants.exists()


@pytest.mark.promise("A-02")
def test_no_links_are_offered_where_they_are_switched_off(browser_page: Page, live_server: Any, world: World) -> None:
    change_policy({"magic_links": False}, actor=world.operator)
    page = browser_page
    page.goto(f"{live_server.url}/accounts/login/")
    expect(page.get_by_role("link", name="I forgot my password")).to_be_visible()
    expect(page.get_by_role("link", name="Email me a sign-in link")).to_have_count(0)
    answer = page.goto(f"{live_server.url}/accounts/link/")
    assert answer is not None
    assert answer.status == 404
    picture(page, "link-not-offered")
