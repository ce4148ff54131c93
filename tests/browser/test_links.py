"""Links by mail in a real browser: signing in, choosing a password, an invitation, and one's own account."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail as django_mail
from playwright.sync_api import Page, expect

from accounts.links.invitations import invite
from accounts.links.models import EmailLink
from accounts.links.sending import send_link
from temps.lib.actor import Actor
from tests.accounts.links.conftest import LINK
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _mail_server(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.com"


def mailed(base: str) -> str:
    """What the worker does now, and the newest link that it mailed."""
    for link in EmailLink.objects.filter(sent_at=None):
        send_link(link.public_id, actor=Actor.system("accounts.links"))
    found = LINK.search(django_mail.outbox[-1].body)
    assert found
    return base + found[1]


@pytest.mark.promise("A-02")
def test_signing_in_by_a_link(browser_page: Page, live_server: Any, world: World) -> None:
    page = browser_page
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_role("link", name="Email me a sign-in link").click()
    page.get_by_label("Email address").fill(world.owner.email)
    page.get_by_role("button", name="Email me a link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    page.goto(mailed(live_server.url))
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_title("Dashboard | Temps")


@pytest.mark.promise("A-02")
def test_a_link_in_another_browser_asks_for_the_code(browser_page: Page, live_server: Any, world: World) -> None:
    page = browser_page
    page.goto(f"{live_server.url}/accounts/reset/")
    page.get_by_label("Email address").fill(world.owner.email)
    page.get_by_role("button", name="Email me a link").click()
    code = page.locator("code.key").inner_text()
    page.context.clear_cookies()
    page.goto(mailed(live_server.url))
    expect(page.get_by_role("note")).to_contain_text("not the browser")
    page.get_by_label("Code").fill(code)
    page.get_by_label("New password", exact=True).fill("sevenfold umbrella lantern 9")
    page.get_by_label("New password again").fill("sevenfold umbrella lantern 9")
    page.get_by_role("button", name="Set the password").click()
    expect(page).to_have_title("Dashboard | Temps")


@pytest.mark.promise("A-13")
def test_an_invitation_from_the_mail_to_the_console(browser_page: Page, live_server: Any, world: World) -> None:
    page = browser_page
    invite(
        "fresh@example.com",
        role="member",
        project=world.project,
        base_url=live_server.url,
        actor=acting(world.owner),
    )
    page.goto(mailed(live_server.url))
    expect(page.get_by_role("heading", name="You are invited")).to_be_visible()
    page.get_by_label("Your name").fill("Fresh")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Accept").click()
    expect(page).to_have_title("Dashboard | Temps")
    page.goto(f"{live_server.url}/accounts/you/")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Fresh")
