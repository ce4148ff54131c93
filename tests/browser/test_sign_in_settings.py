"""The console's pages of what signing in demands: the policy, mail, and what people agree to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Page, expect

from accounts.mail.models import MailServer
from accounts.models import User
from accounts.policy import current_policy
from accounts.privacy.models import Consent
from tests.browser.pictures import picture
from tests.lib.test_mail import Kept
from tests.peers import free_port
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXT = "We keep your name, your address, and what you do here.\n\nThe record of what was done is kept for a year."


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


@pytest.mark.promise("A-05")
def test_a_second_factor_is_asked_of_everyone(console: Callable[[User], Page], live_server: Any, world: World) -> None:
    page = console(world.admin)
    page.goto(f"{live_server.url}/accounts/signinpolicy/")
    page.get_by_label("Second factor required of").select_option("everyone")
    picture(page, "sign-in-policy")
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert current_policy().require_mfa == "everyone"


@pytest.mark.promise("A-15")
def test_a_mail_server_is_set_and_tried(
    console: Callable[[User], Page], live_server: Any, world: World, settings: Any, data_dir: Path
) -> None:
    settings.EMAIL_BACKEND = "accounts.mail.backend.MailServerBackend"
    kept = Kept()
    server = Controller(kept, hostname="127.0.0.1", port=free_port())
    server.start()
    page = console(world.admin)
    page.goto(f"{live_server.url}/accounts_mail/mailserver/")
    page.locator("#id_from_email").fill("temps@example.com")
    page.locator("#id_host").fill("127.0.0.1")
    page.locator("#id_port").fill(str(server.port))
    page.locator("#id_security").select_option("none")
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    picture(page, "mail")
    page.get_by_role("button", name="Send a test message to me").click()
    expect(page.get_by_text("admin@example.com").first).to_be_visible()
    server.stop()
    assert [message["To"] for message in kept.messages] == [world.admin.email]
    assert MailServer.objects.get().host == "127.0.0.1"


@pytest.mark.promise("A-14")
def test_a_notice_is_published_and_agreed_to(console: Callable[[User], Page], live_server: Any, world: World) -> None:
    page = console(world.admin)
    page.goto(f"{live_server.url}/accounts_privacy/notice/add/")
    for name, value in {"name": "privacy", "version": "2026-11", "title": "Privacy notice", "text": TEXT}.items():
        page.locator(f"#id_{name}").fill(value)
    picture(page, "notice-new")
    save(page)
    expect(page.locator("#result_list")).to_contain_text("2026-11")
    picture(page, "notices")

    page.context.clear_cookies()
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_label("Email address").fill(world.member.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("region", name="Privacy notice")).to_contain_text("is kept for a year")
    picture(page, "consent")
    page.get_by_role("button", name="I agree").click()
    expect(page).to_have_title("Dashboard | Temps")
    assert Consent.objects.get().user == world.member


@pytest.mark.promise("A-14")
def test_an_account_is_erased(console: Callable[[User], Page], live_server: Any, world: World) -> None:
    page = console(world.admin)
    page.goto(f"{live_server.url}/accounts/user/{world.nobody.pk}/delete/")
    expect(page.get_by_text("There is no way back")).to_be_visible()
    picture(page, "user-erase")
    page.get_by_role("button", name="Erase", exact=True).click()
    expect(page.get_by_text("Erased.")).to_be_visible()
    assert not User.objects.filter(email="nobody@example.com").exists()
