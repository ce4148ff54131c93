"""An administrator sets somebody up again, who chooses a password by the link that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.links.invitations import invite
from accounts.links.models import EmailLink
from accounts.lockout.models import Lockout
from accounts.lockout.services import lockout_of
from accounts.mail.models import MailServer
from accounts.models import User
from accounts.policy import has_second_factor
from temps.lib import clock
from tests.browser.pictures import picture
from tests.browser.post import mailed
from tests.world import World, acting, enrol

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEW = "sevenfold umbrella lantern 9"


@pytest.mark.promise("A-02")
def test_somebody_who_lost_everything_gets_in_again(
    console: Callable[[User], Page], live_server: Any, world: World, settings: Any
) -> None:
    settings.EMAIL_HOST, page = "mail.example.com", console(world.admin)
    enrol(world.owner)
    page.goto(f"{live_server.url}/accounts/user/{world.owner.pk}/change/")
    page.get_by_role("link", name="Reset second factors").click()
    picture(page, "reset-second-factors")
    page.get_by_role("button", name="Reset second factors").click()
    expect(page.get_by_text("Reset: they have none now.")).to_be_visible()
    assert not has_second_factor(User.objects.get(pk=world.owner.pk))
    page.get_by_role("link", name="Send a password link").click()
    page.get_by_role("button", name="Send a password link").click()
    expect(page.get_by_text("A link is on its way.")).to_be_visible()
    page.context.clear_cookies()
    page.goto(mailed(live_server.url, world.owner.email))
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password again").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    expect(page).to_have_url(f"{live_server.url}/")


@pytest.mark.promise("A-12")
def test_a_lockout_is_lifted_on_the_page_of_the_account(
    console: Callable[[User], Page], live_server: Any, world: World
) -> None:
    page = console(world.admin)
    Lockout.objects.create(user=world.owner, until=clock.now() + timedelta(minutes=15), attempts=51)
    page.goto(f"{live_server.url}/accounts/user/{world.owner.pk}/change/")
    page.get_by_role("link", name="Lift the lockout").click()
    page.get_by_role("button", name="Lift the lockout").click()
    expect(page.get_by_text("count no more")).to_be_visible()
    assert lockout_of(world.owner) is None
    expect(page.get_by_role("link", name="Lift the lockout")).to_have_count(0)


@pytest.mark.promise("A-15")
def test_mail_that_fails_is_seen(console: Callable[[User], Page], live_server: Any, world: World) -> None:
    page, why = console(world.admin), "it cannot be reached"
    MailServer.objects.create(
        host="mail.example.com", from_email="temps@example.com", failed_at=clock.now(), last_error=why
    )
    invite("new@example.com", role="viewer", base_url=live_server.url, actor=acting(world.admin))
    EmailLink.objects.update(tries=1, last_error=f"the mail server did not take the message: {why}")
    page.goto(f"{live_server.url}/accounts_mail/mailserver/")
    expect(page.get_by_text(why)).to_be_visible()
    picture(page, "mail-failing")
    page.goto(f"{live_server.url}/accounts_links/invitation/")
    expect(page.get_by_text(f"not sent yet: the mail server did not take the message: {why}")).to_be_visible()
    picture(page, "invitation-waits")


def test_a_session_that_was_ended_is_said_to_have_ended(browser_page: Page, live_server: Any, world: World) -> None:
    page = browser_page
    page.context.add_cookies([{"name": "temps_session", "value": "x" * 43, "url": live_server.url}])
    page.goto(f"{live_server.url}/projects/project/")
    expect(page.get_by_role("status")).to_have_text("You were signed out: your session has ended.")
    picture(page, "session-ended")
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)
