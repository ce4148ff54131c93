"""Inviting people in the console, and what the invited see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.links.invitations import invite
from accounts.models import User
from tests.browser.pictures import picture
from tests.browser.post import mailed
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("A-13")]


def accept(page: Page) -> None:
    page.get_by_label("Your name").fill("Fresh")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Accept").click()
    expect(page).to_have_title("Dashboard | Temps")


def test_an_invitation_from_the_mail_to_the_console(
    browser_page: Page, live_server: Any, world: World, settings: Any
) -> None:
    settings.EMAIL_HOST, owner, page = "mail.example.com", acting(world.owner), browser_page
    invite("fresh@example.com", role="member", project=world.project, base_url=live_server.url, actor=owner)
    page.goto(mailed(live_server.url))
    expect(page.get_by_role("heading", name="You are invited")).to_be_visible()
    picture(page, "invitation-open")
    accept(page)
    page.goto(f"{live_server.url}/accounts/you/")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Fresh")


def test_an_invitation_is_handed_over_where_there_is_no_mail(
    console: Callable[[User], Page], live_server: Any, world: World
) -> None:
    page = console(world.admin)
    page.goto(f"{live_server.url}/accounts_links/invitation/add/")
    page.locator("#id_email").fill("fresh@example.com")
    page.locator("#id_role").select_option("developer")
    picture(page, "invitation-new")
    page.get_by_role("button", name="Save", exact=True).click()
    link = page.locator(".temps-once-value").inner_text()
    picture(page, "invitation-hand-over")
    page.get_by_role("link", name="I have handed it over").click()
    expect(page.locator("#result_list")).to_contain_text("pending")
    picture(page, "invitations")
    page.context.clear_cookies()
    page.goto(link)
    accept(page)
    assert User.objects.get(email="fresh@example.com").grants.get().role == "developer"


def test_whoever_has_an_account_gets_the_role_and_nothing_else(
    browser_page: Page, live_server: Any, world: World, settings: Any
) -> None:
    settings.EMAIL_HOST, owner, page = "mail.example.com", acting(world.owner), browser_page
    invite(world.nobody.email, role="viewer", project=world.project, base_url=live_server.url, actor=owner)
    page.goto(mailed(live_server.url))
    expect(page.get_by_text("You have an account with this address")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_count(0)
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", name="Accepted")).to_be_visible()
    picture(page, "invitation-accepted")
    page.get_by_role("link", name="To the console").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
