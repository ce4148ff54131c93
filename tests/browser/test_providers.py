"""Signing in elsewhere and linking an account, in a real browser with a real provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.providers.models import IdentityProvider
from accounts.providers.services import create_provider
from accounts.services import create_user
from temps.lib.actor import Actor
from tests.accounts.providers.peer import openid_provider
from tests.browser.pictures import picture
from tests.browser.test_sign_in import press
from tests.world import PASSWORD, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("A-03")]


@pytest.fixture
def corp() -> Iterator[None]:
    with openid_provider() as issuer:
        client = {"client_id": "temps", "client_secret": "a-secret"}
        makes = {"create_accounts": True, "domains": ["corp.example"]}
        create_provider("corp", "oidc", server_url=issuer, name="Corp", actor=Actor.operator(), **client, **makes)
        yield


@pytest.fixture
def browser_page(browser_page: Page) -> Page:
    """The provider's own page wants a style sheet from elsewhere, and gets an empty one."""
    browser_page.route("https://cdn.jsdelivr.net/**", lambda route: route.fulfill(content_type="text/css", body=""))
    return browser_page


@pytest.fixture
def _with_mail(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.com"  # so that the sign-in page offers links too


@pytest.mark.usefixtures("corp", "_with_mail")
def test_a_new_person_comes_in_by_the_button(browser_page: Page, live_server: Any) -> None:
    page = browser_page
    page.goto(f"{live_server.url}/accounts/login/")
    picture(page, "sign-in")
    press(page, "Sign in with Corp")
    press(page, "fresh")
    expect(page).to_have_url(f"{live_server.url}/")
    assert User.objects.get().email == "fresh@corp.example"


@pytest.mark.usefixtures("corp")
def test_an_account_is_linked_and_unlinked(browser_page: Page, live_server: Any) -> None:
    page, user = browser_page, create_user("owner@example.com", password=PASSWORD, actor=Actor.operator())
    page.goto(f"{live_server.url}/accounts/linked/")
    page.get_by_label("Email address").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")
    press(page, "Link Corp")
    press(page, "linked")
    expect(page.get_by_text("Linked. You may sign in with Corp from now on.")).to_be_visible()
    expect(page.get_by_text("linked@corp.example")).to_be_visible()
    picture(page, "linked-accounts")
    press(page, "Unlink Corp")
    expect(page.get_by_text("Not linked.")).to_be_visible()


@pytest.mark.usefixtures("corp")
def test_an_address_that_nobody_verified_opens_nothing(browser_page: Page, live_server: Any) -> None:
    page = browser_page
    page.goto(f"{live_server.url}/accounts/login/")
    press(page, "Sign in with Corp")
    press(page, "unverified")
    expect(page.get_by_role("heading", name="Your address is not verified")).to_be_visible()
    picture(page, "sign-in-elsewhere-refused")
    assert not User.objects.exists()


def test_a_provider_is_added_in_the_console(console: Callable[[User], Page], live_server: Any, data_dir: Path) -> None:
    page = console(build().admin)
    page.goto(f"{live_server.url}/accounts_providers/identityprovider/add/")
    page.locator("#id_kind").select_option("gitlab")
    filled = {"slug": "gitlab", "name": "Our GitLab", "server_url": "https://git.example.com", "client_id": "4f2a"}
    for name, value in (filled | {"client_secret": "a-secret-of-gitlab"}).items():
        page.locator(f"#id_{name}").fill(value)
    press(page, "Save")
    expect(page.locator("code")).to_have_text(f"{live_server.url}/accounts/providers/gitlab/callback/")
    assert "a-secret-of-gitlab" not in page.content()
    picture(page, "identity-provider")
    page.goto(f"{live_server.url}/accounts_providers/identityprovider/")
    expect(page.locator("#result_list")).to_contain_text("offered")
    picture(page, "identity-providers")
    assert IdentityProvider.objects.get().kind == "gitlab"
