"""A directory in the console, and somebody of it signing in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.directory.models import Directory, DirectoryAccount
from accounts.models import User
from tests.browser.pictures import picture
from tests.slapd import GROUPS, PEOPLE, READER, READER_SECRET, require_python_ldap, slapd
from tests.world import build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.promise("A-16")]
SECRET = "a phrase that only the directory knows"


def map_group(page: Page, url: str, group: str) -> None:
    page.goto(f"{url}/accounts_group_roles/grouprole/add/")
    page.locator("#id_source").select_option("directory:corp")
    page.locator("#id_group").fill(group)
    page.locator("#id_role").select_option("developer")
    picture(page, "group-role-new")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("developer")
    picture(page, "group-roles")


def test_a_directory_is_added_tried_and_opens(
    console: Callable[[User], Page], live_server: Any, data_dir: Path
) -> None:
    require_python_ldap()
    world = build()
    page = console(world.admin)
    with slapd() as server:
        group = server.set_group("developers", server.add_person("alice", SECRET, cn="Alice Example"))
        page.goto(f"{live_server.url}/accounts_directory/directory/add/")
        filled = {"name": "corp", "uris": server.ldaps, "ca_bundle": server.authority, "bind_dn": READER}
        filled |= {"bind_password": READER_SECRET, "user_base": PEOPLE, "group_base": GROUPS}
        for name, value in filled.items():
            page.locator(f"#id_{name}").fill(value)
        page.get_by_label("Create accounts").check()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#result_list")).to_contain_text("not asked yet")
        picture(page, "directories")
        page.locator("#result_list").get_by_role("link", name="corp").click()
        expect(page.get_by_label("Create accounts")).to_be_checked()
        picture(page, "directory")
        page.get_by_role("link", name="Test", exact=True).click()
        page.get_by_label("Who").fill("alice@example.com")
        page.get_by_role("button", name="Look up").click()
        expect(page.get_by_role("status")).to_contain_text(group)
        picture(page, "directory-test")
        map_group(page, live_server.url, group)
        page.context.clear_cookies()
        page.goto(f"{live_server.url}/accounts/login/")
        page.get_by_label("Email address").fill("alice@example.com")
        page.get_by_label("Password", exact=True).fill(SECRET)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("link", name="Projects").first).to_be_visible()


def test_somebody_of_a_directory_is_told_where_their_password_is(
    console: Callable[[User], Page], live_server: Any
) -> None:
    world = build()
    directory = Directory.objects.create(name="corp", uris="ldaps://ldap.example.com", user_base=PEOPLE)
    DirectoryAccount.objects.create(user=world.viewer, directory=directory, unique_id="1")
    page = console(world.viewer)
    page.goto(f"{live_server.url}/password_change/")
    expect(page.get_by_role("heading", name="Your password is not kept here")).to_be_visible()
    picture(page, "password-elsewhere")
