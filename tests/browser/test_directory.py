"""A directory in the console, and somebody of it signing in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.group_roles.services import set_group_role
from tests.browser.test_secret import sign_in
from tests.slapd import GROUPS, PEOPLE, READER, READER_SECRET, require_python_ldap, slapd
from tests.world import build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("A-16")]
SECRET = "a phrase that only the directory knows"


def test_a_directory_is_added_tried_and_opens(browser_page: Page, live_server: Any, data_dir: Path) -> None:
    require_python_ldap()
    world, page = build(), browser_page
    with slapd() as server:
        group = server.set_group("developers", server.add_person("alice", SECRET, cn="Alice Example"))
        sign_in(page, live_server.url, world)
        page.goto(f"{live_server.url}/accounts_directory/directory/add/")
        filled = {"name": "corp", "uris": server.ldaps, "ca_bundle": server.authority, "bind_dn": READER}
        filled |= {"bind_password": READER_SECRET, "user_base": PEOPLE, "group_base": GROUPS}
        for name, value in filled.items():
            page.locator(f"#id_{name}").fill(value)
        page.get_by_label("Create accounts").check()
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("#result_list").get_by_role("link", name="corp").click()
        page.get_by_role("link", name="Test", exact=True).click()
        page.get_by_label("Who").fill("alice@example.com")
        page.get_by_role("button", name="Look up").click()
        expect(page.get_by_role("status")).to_contain_text(group)
        set_group_role("directory:corp", group, "developer", actor=world.operator)
        page.context.clear_cookies()
        page.goto(f"{live_server.url}/accounts/login/")
        page.get_by_label("Email address").fill("alice@example.com")
        page.get_by_label("Password", exact=True).fill(SECRET)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("link", name="Projects").first).to_be_visible()
