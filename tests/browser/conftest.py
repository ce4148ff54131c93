"""A real browser: Debian's Chromium, driven by Playwright, which reaches this machine and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

from accounts.models import User
from tests import peers

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = peers.find("chromium", "chromium")
    # Playwright runs an event loop in this thread, which makes Django refuse to touch the database from it.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            yield browser
            browser.close()
    finally:
        os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
        if before is not None:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def browser_page(chromium: Browser) -> Iterator[Page]:
    """A page in a fresh profile. The test fails when the page asks for another host, or when the browser complains: of
    the Content-Security-Policy, of a script that failed, of something that is not there. That a page itself is refused
    is for the test to see."""
    context = chromium.new_context()
    complaints: list[str] = []
    opened: set[str] = set()

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).hostname in LOOPBACK:
            route.continue_()
        else:
            complaints.append(f"asked for {route.request.url}")
            route.abort()

    def listen(message: ConsoleMessage) -> None:
        is_refusal = "status of 4" in message.text and message.location["url"] in opened
        if message.type == "error" and not is_refusal:
            complaints.append(message.text)

    context.route("**/*", guard)
    page = context.new_page()
    page.on("request", lambda request: opened.add(request.url) if request.is_navigation_request() else None)
    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(15_000)
    yield page
    context.close()
    assert not complaints, complaints


@pytest.fixture
def console(browser_page: Page, live_server: Any, signed_in: Callable[[User], Client]) -> Callable[[User], Page]:
    """The page with a session of this user, for what comes after signing in."""

    def enter(user: User) -> Page:
        session = signed_in(user).cookies["temps_session"].value
        browser_page.context.add_cookies([{"name": "temps_session", "value": session, "url": live_server.url}])
        return browser_page

    return enter
