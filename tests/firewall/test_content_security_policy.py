"""The pages in a real browser: what its Content-Security-Policy kept from running, and what broke."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import sync_playwright

from tests import peers
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("F-08")]

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


def complaints(url: str, *, shows: str, client: Client | None = None) -> list[str]:
    """Open a page in Chromium and wait for what it ``shows``; the violations of its policy, the errors of its scripts.

    Nothing here asks the database: Playwright runs an event loop in this thread, where Django would open a second
    connection and forget it.
    """
    program = peers.find("chromium", "chromium")
    cookies: Any = [
        {"name": name, "value": morsel.value, "domain": "localhost", "path": "/"}
        for name, morsel in (client.cookies.items() if client else ())
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context()
        context.add_init_script(WATCH)
        context.add_cookies(cookies)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url, wait_until="networkidle")
        page.wait_for_selector(shows, state="attached")
        errors += page.evaluate("window.violations")
        browser.close()
    return errors


@pytest.mark.parametrize("path", ["/", "/firewall/iprule/", "/firewall/iprule/add/", "/projects/project/"])
def test_the_console_runs_without_a_violation(world: World, live_server: Any, signed_in: Any, path: str) -> None:
    client = signed_in(world.owner)
    assert complaints(live_server.url + path, shows="#nav-sidebar, [x-data]", client=client) == []


def test_the_page_of_the_api_runs_without_a_violation(world: World, live_server: Any) -> None:
    assert complaints(live_server.url + "/api/docs/", shows=".swagger-ui .info") == []


def test_the_sign_in_page_needs_nothing_beyond_the_strict_preset(world: World, live_server: Any) -> None:
    assert complaints(live_server.url + "/accounts/login/", shows="input[type=password]") == []
