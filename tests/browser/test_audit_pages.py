"""The pages of the audit log on a desk and on a phone: nothing is cut off, and what matters comes first."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from audit.alerts.models import Alert, Rule
from audit.exporting.exports import request_export, run_export
from audit.models import Event
from audit.retention.services import place_hold
from projects.services import update_project
from temps.lib.actor import Actor
from tests.browser.test_secret import sign_in
from tests.world import World, acting, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("L-05")]
DESK, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])


@pytest.fixture
def world(browser_page: Page, live_server: Any, data_dir: Path) -> World:
    made = build()
    update_project(made.project, name="Store", description="Sells owls and mice " * 5, actor=acting(made.admin))
    browser_page.set_viewport_size(DESK)
    sign_in(browser_page, live_server.url, made)
    return made


def width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def right_of(found: Locator) -> float:
    box = found.bounding_box()
    assert box is not None
    return box["x"] + box["width"]


@SIZES
def test_the_newest_bar_of_the_chart_is_on_the_screen(
    browser_page: Page, live_server: Any, world: World, size: ViewportSize
) -> None:
    page = browser_page
    page.set_viewport_size(size)
    page.goto(f"{live_server.url}/audit/event/charts/")
    card = page.locator(".audit-summary")
    assert right_of(page.locator(".audit-chart rect").last) <= right_of(card) + 1
    assert width(page) <= size["width"]


@pytest.mark.parametrize("view", ["timeline", "charts"])
def test_filters_stand_open_beside_events_and_closed_above_them(
    browser_page: Page, live_server: Any, world: World, view: str
) -> None:
    page = browser_page
    page.goto(f"{live_server.url}/audit/event/{view}/")
    expect(page.get_by_label("Operation")).to_be_visible()
    page.set_viewport_size(PHONE)
    page.reload()
    expect(page.get_by_label("Operation")).to_be_hidden()
    page.get_by_text("Filters", exact=True).click()
    expect(page.get_by_label("Operation")).to_be_visible()
    page.goto(f"{live_server.url}/audit/event/{view}/?since=soon")
    expect(page.get_by_text("a time is like")).to_be_visible()


@SIZES
def test_the_list_of_events_fits(browser_page: Page, live_server: Any, world: World, size: ViewportSize) -> None:
    page = browser_page
    page.set_viewport_size(size)
    page.goto(f"{live_server.url}/audit/event/?operation=PROJECT_UPDATE")
    assert right_of(page.locator("td.field-address")) <= size["width"] - 12
    time = page.locator("td.field-time")
    label = time.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert "Select" not in label
    what = page.locator("td.field-what")
    assert what.evaluate("cell => cell.scrollHeight <= cell.clientHeight")


@SIZES
def test_the_history_of_an_object_fits(browser_page: Page, live_server: Any, world: World, size: ViewportSize) -> None:
    page = browser_page
    page.set_viewport_size(size)
    page.goto(f"{live_server.url}/audit/event/history/project/shop/")
    assert width(page) <= size["width"]
    told = page.locator("ins").filter(has_text="Sells owls").bounding_box()
    assert told is not None
    assert told["width"] > 200
    assert told["y"] < size["height"]


def test_the_page_of_an_export_fits_a_phone_and_shows_its_links(
    browser_page: Page, live_server: Any, world: World
) -> None:
    page = browser_page
    export = request_export(date(2024, 1, 1), date(2099, 1, 1), file_format="csv", actor=acting(world.admin))
    run_export(export.public_id, actor=Actor.system("audit.export"))
    page.set_viewport_size(PHONE)
    page.goto(f"{live_server.url}/audit/export/{export.pk}/change/")
    assert width(page) <= PHONE["width"]
    expect(page.get_by_role("link", name="Download", exact=True)).to_have_css("text-decoration-line", "underline")


def test_the_events_of_an_alert_look_like_links(browser_page: Page, live_server: Any, world: World) -> None:
    event = Event.objects.earliest("id")
    rule, now = Rule.objects.earliest("id"), event.timestamp
    alert = Alert.objects.create(
        rule=rule, group="x", count=1, first_at=now, last_at=now, details={"events": [event.public_id]}
    )
    browser_page.goto(f"{live_server.url}/audit_alerts/alert/{alert.pk}/change/")
    expect(browser_page.locator(".readonly li a")).to_have_css("text-decoration-line", "underline")


def test_a_hold_is_released_on_its_page(browser_page: Page, live_server: Any, world: World) -> None:
    page, hold = browser_page, place_hold("an inquiry", actor=acting(world.admin))
    page.goto(f"{live_server.url}/audit/legalhold/{hold.pk}/change/")
    page.get_by_role("button", name="Release this hold").click()
    expect(page.get_by_text("Released. The policy reaches these entries again.")).to_be_visible()
    hold.refresh_from_db()
    assert hold.released_by == world.admin.email
