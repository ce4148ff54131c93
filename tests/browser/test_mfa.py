"""Second factors in a real browser, whose virtual authenticator holds the passkeys (WebAuthn Level 2, section 11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.mfa.models import Passkey
from accounts.mfa.recovery import make_recovery_codes
from accounts.models import TotpDevice, User
from accounts.totp import STEP, code_at
from temps.lib import clock
from tests.browser.pictures import picture
from tests.world import PASSWORD, World, acting, build, enrol

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("A-04")]

OPTIONS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def people(browser_page: Page, live_server: Any) -> World:
    """The world, made once the browser is there: its loop is what makes Django hesitate."""
    return build()


@pytest.fixture
def authenticator(browser_page: Page) -> Any:
    """The authenticator of the device, switched by ``setUserVerified`` and its like."""
    session = browser_page.context.new_cdp_session(browser_page)
    session.send("WebAuthn.enable")
    name = session.send("WebAuthn.addVirtualAuthenticator", {"options": OPTIONS})["authenticatorId"]
    return lambda verb, **given: session.send(f"WebAuthn.{verb}", {"authenticatorId": name, **given})


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def sign_in(page: Page, live_server: Any, email: str) -> None:
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")


def sign_out(page: Page, live_server: Any) -> None:
    page.goto(f"{live_server.url}/accounts/logout/")
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def at_console(page: Page, live_server: Any) -> None:
    expect(page).to_have_url(f"{live_server.url}/")


@pytest.mark.promise("A-05")
def test_an_administrator_enrols_a_passkey_and_signs_in_with_it_alone(
    browser_page: Page, live_server: Any, people: World, authenticator: Any
) -> None:
    page = browser_page
    sign_in(page, live_server, people.admin.email)
    press(page, "Set up a passkey")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(10)
    press(page, "I have kept them: continue")
    at_console(page, live_server)

    sign_out(page, live_server)
    press(page, "Sign in with a passkey")
    at_console(page, live_server)
    assert Passkey.objects.get().sign_count > 0


def test_a_member_adds_a_passkey_and_signs_in_with_password_and_passkey(
    browser_page: Page, live_server: Any, people: World, authenticator: Any
) -> None:
    page = browser_page
    sign_in(page, live_server, people.member.email)
    page.goto(f"{live_server.url}/accounts/security/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Blue key")
    picture(page, "security-passkey")
    press(page, "Set up the passkey")
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("link", name="Rename Blue key").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Blue key")
    picture(page, "security-rename")
    page.get_by_role("textbox", name="Name").fill("Green key")
    press(page, "Save")
    expect(page.get_by_role("link", name="Rename Green key")).to_be_visible()

    sign_out(page, live_server)
    sign_in(page, live_server, people.member.email)
    expect(page.get_by_role("heading", name="Use your passkey")).to_be_visible()
    picture(page, "second-factor-passkey")
    press(page, "Use a passkey")
    at_console(page, live_server)


def test_an_app_is_enrolled_under_security_and_asked_for(browser_page: Page, live_server: Any, people: World) -> None:
    page = browser_page
    sign_in(page, live_server, people.member.email)
    page.goto(f"{live_server.url}/accounts/security/")
    press(page, "Set up an authenticator app")
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    device = TotpDevice.objects.get()
    picture(page, "security-app")
    page.get_by_role("textbox", name="Code").fill(code_at(device, clock.now().timestamp()))
    press(page, "Turn it on")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 of 10 left")).to_be_visible()
    picture(page, "security")

    sign_out(page, live_server)
    sign_in(page, live_server, people.member.email)
    page.get_by_role("textbox", name="Code", exact=True).fill(code_at(device, clock.now().timestamp() + STEP))
    press(page, "Continue")
    at_console(page, live_server)


def test_a_recovery_code_signs_in_once(browser_page: Page, live_server: Any, people: World) -> None:
    enrol(people.member)
    code = make_recovery_codes(people.member, actor=acting(people.member))[0]
    page = browser_page
    for again in (False, True):
        sign_in(page, live_server, people.member.email)
        page.get_by_text("Use a recovery code").click()
        page.get_by_label("Recovery code").fill(code)
        press(page, "Use the recovery code")
        if again:
            expect(page.get_by_text("not right, or was used already")).to_be_visible()
            picture(page, "second-factor-recovery-code")
        else:
            at_console(page, live_server)
            sign_out(page, live_server)


def test_the_codes_are_kept_as_a_file(browser_page: Page, live_server: Any, people: World) -> None:
    enrol(people.member)
    codes = make_recovery_codes(people.member, actor=acting(people.member))
    page = browser_page
    sign_in(page, live_server, people.member.email)
    page.get_by_text("Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0])
    press(page, "Use the recovery code")
    page.goto(f"{live_server.url}/accounts/security/")
    press(page, "Make new codes")
    shown = page.get_by_role("listitem").all_inner_texts()
    with page.expect_download() as download:
        press(page, "Download")
    kept = download.value.path().read_text()
    assert len(shown) == 10
    assert all(code in kept for code in shown)
    press(page, "Copy")
    expect(page.get_by_role("status")).not_to_be_empty()


def test_whoever_cancels_is_told_and_tries_again(
    browser_page: Page, live_server: Any, people: World, authenticator: Any
) -> None:
    page = browser_page
    authenticator("setUserVerified", isUserVerified=False)
    page.goto(f"{live_server.url}/accounts/login/")
    press(page, "Sign in with a passkey")
    expect(page.get_by_text("You can try again")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_enabled()
    picture(page, "sign-in-passkey")


def test_a_passkey_that_was_removed_here_opens_nothing(
    browser_page: Page, live_server: Any, people: World, authenticator: Any
) -> None:
    page = browser_page
    sign_in(page, live_server, people.admin.email)
    press(page, "Set up a passkey")
    press(page, "I have kept them: continue")
    Passkey.objects.all().delete()
    page.goto(f"{live_server.url}/accounts/login/")
    press(page, "Sign in with a passkey")
    expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
    picture(page, "sign-in-passkey-refused")
    page.get_by_role("link", name="Back to sign-in").click()
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.promise("A-06")
def test_a_passkey_confirms_who_is_there(
    browser_page: Page, live_server: Any, people: World, authenticator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser_page
    sign_in(page, live_server, people.admin.email)
    press(page, "Set up a passkey")
    press(page, "I have kept them: continue")
    at_console(page, live_server)
    monkeypatch.setattr("rbac.step_up.RECENT", timedelta())
    page.goto(f"{live_server.url}/accounts/apikey/add/")
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_count(0)  # neither the password nor a code stands in for it
    picture(page, "confirm-passkey")
    authenticator("setUserVerified", isUserVerified=False)
    press(page, "Use a passkey")
    expect(page.get_by_text("You can try again")).to_be_visible()
    monkeypatch.undo()
    authenticator("setUserVerified", isUserVerified=True)
    press(page, "Use a passkey")
    expect(page).to_have_url(f"{live_server.url}/accounts/apikey/add/")


def test_the_last_factor_is_removed_by_whoever_needs_none(
    console: Callable[[User], Page], live_server: Any, people: World
) -> None:
    page = console(people.member)
    page.goto(f"{live_server.url}/accounts/security/")
    page.get_by_role("link", name="Remove").click()
    expect(page.get_by_text("your recovery codes are void")).to_be_visible()
    picture(page, "security-remove")
    press(page, "Remove it")
    expect(page.get_by_text("You have none")).to_be_visible()
    assert not TotpDevice.objects.filter(user=people.member).exists()


def test_a_browser_without_passkeys_is_told(browser_page: Page, live_server: Any, people: World) -> None:
    page = browser_page
    page.add_init_script("delete window.PublicKeyCredential")
    sign_in(page, live_server, people.admin.email)
    expect(page.get_by_text("Passkeys need https")).to_be_visible()
    expect(page.get_by_role("button", name="Set up a passkey")).to_be_disabled()
