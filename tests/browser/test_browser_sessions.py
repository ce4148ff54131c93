"""Seeing where one is signed in, and ending the others, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.browser.pictures import picture
from tests.world import PASSWORD, World, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("A-11")]

LOGIN = "/accounts/login/"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1"


@pytest.fixture
def cast() -> World:
    return build()


def test_a_person_finds_a_phone_that_is_not_theirs_and_ends_it(
    browser_page: Page, live_server: Any, cast: World
) -> None:
    phone = Client(HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="198.51.100.7")
    phone.post(LOGIN, {"login": cast.member.email, "password": PASSWORD})
    page = browser_page
    page.goto(f"{live_server.url}{LOGIN}")
    page.get_by_label("Email address").fill(cast.member.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{live_server.url}/")

    page.get_by_text(cast.member.email).first.click()
    page.get_by_role("link", name="Your sessions").click()
    expect(page.get_by_role("heading", name="Your sessions")).to_be_visible()
    expect(page.get_by_text("This session")).to_have_count(1)
    picture(page, "sessions")
    page.get_by_role("button", name="End the session: Safari on iPhone, 198.51.100.7").click()
    expect(page.get_by_text("That session has ended.")).to_be_visible()
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    assert phone.get("/").status_code == 302


def test_a_person_whose_session_was_ended_is_asked_to_sign_in(
    browser_page: Page, live_server: Any, cast: World
) -> None:
    page = browser_page
    page.goto(f"{live_server.url}{LOGIN}")
    page.get_by_label("Email address").fill(cast.member.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{live_server.url}/")
    cast.member.browser_sessions.all().delete()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_administrator_ends_the_sessions_of_an_account(
    console: Callable[[User], Page], live_server: Any, cast: World
) -> None:
    phone = Client(HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="198.51.100.7")
    phone.post(LOGIN, {"login": cast.member.email, "password": PASSWORD})
    page = console(cast.admin)
    page.goto(f"{live_server.url}/accounts/user/")
    picture(page, "users")
    page.locator("#result_list").get_by_role("link", name=cast.member.email).click()
    expect(page.get_by_text("member on shop")).to_be_visible()
    picture(page, "user")
    page.get_by_role("link", name="where this account is signed in").click()
    expect(page.get_by_text("Safari on iPhone")).to_be_visible()
    picture(page, "sessions-of-user")
    page.get_by_role("button", name="End all sessions").click()
    expect(page.get_by_text("is signed in nowhere")).to_be_visible()
    assert phone.get("/").status_code == 302
