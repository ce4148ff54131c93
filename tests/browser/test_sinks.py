"""Making a webhook in the console: its signing secret is shown on the next page, and never again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from audit.sinks.models import Sink
from audit.sinks.sealed import open_webhook
from audit.sinks.services import create_sink
from temps.lib import clock
from tests.browser.test_secret import sign_in
from tests.world import build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.promise("L-07")
def test_a_webhook_made_in_the_console(browser_page: Page, live_server: Any, data_dir: Path) -> None:
    world, page = build(), browser_page
    create_sink("logs", "syslog", host="logs.example.com", actor=world.operator)
    long_ago = clock.now() - timedelta(hours=1)
    Sink.objects.update(failing_since=long_ago, last_error="logs.example.com cannot be reached (no answer in time)")
    sign_in(page, live_server.url, world)
    page.goto(f"{live_server.url}/audit_sinks/sink/add/")
    page.get_by_label("Name").fill("siem")
    page.get_by_label("Kind").select_option("webhook")
    page.get_by_label("Web address").fill("https://siem.example.com/in?token=hidden-in-it")
    page.get_by_role("button", name="Save", exact=True).click()
    url, secret = open_webhook(Sink.objects.get(name="siem"))
    expect(page.locator(".temps-once-value")).to_have_text(secret)
    page.get_by_role("link", name="I have copied it").click()
    expect(page.locator("#result_list")).to_contain_text("dead")
    page.locator("#result_list").get_by_role("link", name="siem").click()
    expect(page.get_by_label("Web address")).to_have_value("")
    assert secret not in page.content()
    assert "hidden-in-it" not in page.content()
    assert url.endswith("hidden-in-it")
