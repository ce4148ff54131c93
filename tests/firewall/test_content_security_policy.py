"""The pages in a real browser: what its Content-Security-Policy kept from running, and what broke."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import sync_playwright

from tests import peers
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("F-08")]

Visit = Callable[..., list[str]]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """Open a page in Chromium; the violations of its policy and the errors of its scripts."""
    program = peers.find("chromium", "chromium")
    # Playwright's synchronous interface runs an event loop in this thread, which Django takes for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])

        def open_page(url: str, client: Client | None = None, needs: str = "body") -> list[str]:
            context = browser.new_context()
            context.add_init_script(WATCH)
            if client is not None:
                cookies: Any = [{"name": name, "value": one.value, "url": url} for name, one in client.cookies.items()]
                context.add_cookies(cookies)
            page = context.new_page()
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(url, wait_until="networkidle")
            page.wait_for_selector(needs, state="attached", timeout=10_000)
            errors += page.evaluate("window.violations")
            context.close()
            return errors

        yield open_page
        browser.close()


@pytest.mark.parametrize("path", ["/", "/firewall/iprule/", "/firewall/iprule/add/", "/projects/project/"])
def test_the_console_runs_without_a_violation(
    world: World, live_server: Any, signed_in: Any, visit: Visit, path: str
) -> None:
    client = signed_in(world.owner)
    assert visit(live_server.url + path, client, needs="#nav-sidebar, [x-data]") == []


def test_the_page_of_the_api_runs_without_a_violation(world: World, live_server: Any, visit: Visit) -> None:
    assert visit(live_server.url + "/api/docs/", needs=".swagger-ui .info") == []


def test_the_sign_in_page_needs_nothing_beyond_the_strict_preset(world: World, live_server: Any, visit: Visit) -> None:
    assert visit(live_server.url + "/accounts/login/", needs="input[type=password]") == []
