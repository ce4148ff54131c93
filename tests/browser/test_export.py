"""Watching an export in the console, from asking to the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from audit.exporting.exports import run_export
from audit.models import Export, ExportState
from temps.lib.actor import Actor
from tests.browser.test_secret import sign_in
from tests.world import build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.promise("L-06")
def test_an_export_is_watched_until_it_is_there(browser_page: Page, live_server: Any, data_dir: Path) -> None:
    world, page = build(), browser_page
    sign_in(page, live_server.url, world)
    page.goto(f"{live_server.url}/audit/export/add/")
    page.get_by_label("Start date").fill("2024-01-01")
    page.get_by_label("End date").fill("2099-12-31")
    page.get_by_label("Format").select_option("json")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Waiting for the worker.")

    export = Export.objects.get()
    Export.objects.update(state=ExportState.RUNNING, done=1200, total=2000, touched_at=None)
    expect(page.get_by_role("status")).to_have_text("Writing: 1,200 of 2,000 entries.")
    expect(page.get_by_role("progressbar", name="Progress")).to_have_js_property("value", 60)

    Export.objects.update(state=ExportState.PENDING)
    run_export(export.public_id, actor=Actor.system("audit.export"))
    expect(page.get_by_role("status")).to_contain_text("Done: ")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    assert json.loads(Path(download.value.path()).read_text())["exportId"] == export.public_id
