"""The first page of the console, of a platform that has been in use for a week."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from playwright.sync_api import Page, expect

from accounts.models import User
from certificates.services import add_domain, upload_certificate
from firewall.services import block
from secrets_vault.services import set_variable
from temps import heartbeat
from temps.lib import clock
from tests.browser.pictures import picture
from tests.certificates import made
from tests.world import World, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DAYS_LEFT = {"shop.example.com": 82, "www.example.com": 61, "billing.example.com": 34, "old.example.com": 9}


@pytest.fixture
def used(browser_page: Page, data_dir: Path) -> World:
    now = clock.now()
    with time_machine.travel(now - timedelta(days=8)):
        world = build()
    for days in (7, 5, 4, 2, 1):
        with time_machine.travel(now - timedelta(days=days)):
            for number in range(days):
                set_variable(world.project, f"TOKEN_{days}_{number}", "x", actor=world.operator, encrypted=True)
            block(f"192.0.2.{days}", actor=world.operator)
    root = made.authority("Example CA")
    for name, days in DAYS_LEFT.items():
        domain = add_domain(name, tls="manual", project=world.project, actor=world.operator)
        leaf = made.server(name, issuer=root, ends=timedelta(days=days, hours=1))
        key, chain = leaf.key_pem, root.pem
        upload_certificate(domain, certificate=leaf.pem, private_key=key, chain=chain, actor=world.operator)
    heartbeat.beat()
    return world


def test_the_dashboard_says_how_things_stand(console: Callable[[User], Page], live_server: Any, used: World) -> None:
    page = console(used.admin)
    page.goto(live_server.url)
    expect(page.get_by_role("link", name="1 domain with a certificate that expires")).to_be_visible()
    expect(page.get_by_text("The worker has not been heard of")).to_have_count(0)
    expect(page.get_by_text("CERTIFICATE_UPLOAD").first).to_be_visible()
    expect(page.locator("canvas")).to_have_count(2)
    picture(page, "dashboard")
