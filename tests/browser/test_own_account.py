"""One's own account: another password, and another address, which both mailboxes have to agree to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.browser.pictures import picture
from tests.browser.post import mailed
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEW = "new-address@example.com"


def test_an_address_changes_once_both_have_agreed(
    console: Callable[[User], Page], live_server: Any, world: World, settings: Any
) -> None:
    settings.EMAIL_HOST, page = "mail.example.com", console(world.owner)
    page.goto(f"{live_server.url}/accounts/you/")
    page.get_by_label("New email address").fill(NEW)
    picture(page, "your-account")
    page.get_by_role("button", name="Change the address").click()
    expect(page.get_by_text("none has answered yet")).to_be_visible()
    picture(page, "email-change-waiting")
    page.goto(mailed(live_server.url, world.owner.email))
    picture(page, "email-change-old")
    page.get_by_role("button", name="Agree to the change").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    page.goto(mailed(live_server.url, NEW))
    picture(page, "email-change-new")
    page.get_by_role("button", name="Yes, use this address").click()
    expect(page.get_by_role("heading", name="The address was changed")).to_be_visible()
    picture(page, "email-change-done")
    world.owner.refresh_from_db()
    assert world.owner.email == NEW


@pytest.mark.promise("A-11")
def test_a_new_password_keeps_this_session(console: Callable[[User], Page], live_server: Any, world: World) -> None:
    page, new = console(world.owner), "sevenfold umbrella lantern 9"
    page.goto(f"{live_server.url}/password_change/")
    for field, value in {"old_password": PASSWORD, "new_password1": new, "new_password2": new}.items():
        page.locator(f"#id_{field}").fill(value)
    picture(page, "password-change")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password was changed")).to_be_visible()
    world.owner.refresh_from_db()
    assert world.owner.check_password(new)
