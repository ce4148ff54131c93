from __future__ import annotations

import inspect
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from rest_framework.test import APIClient

from accounts.directory import library
from accounts.directory.errors import DirectoryFault
from accounts.directory.given import Given
from accounts.directory.management.commands.directory import Command
from accounts.directory.models import Directory, DirectoryAccount
from accounts.directory.services import password_of
from accounts.models import User
from tests.slapd import GROUPS, PEOPLE, READER, READER_SECRET, Slapd
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

Api = Callable[..., APIClient]
SignIn = Callable[[User], Client]
Make = Callable[..., Directory]
Said = pytest.CaptureFixture[str]
SECRET = "a phrase that only the directory knows"
URL = "/api/v1/directories/"
LIST = "/accounts_directory/directory/"


def settings_of(server: Slapd) -> dict[str, Any]:
    where = {"uris": server.ldaps, "ca_bundle": server.authority, "bind_dn": READER, "bind_password": READER_SECRET}
    return {"name": "corp", "user_base": PEOPLE, "group_base": GROUPS, **where}


def form_of(server: Slapd, **more: Any) -> dict[str, Any]:
    usual = {
        "security": "tls",
        "timeout": 5,
        "enabled": "on",
        "user_filter": "(mail=%(user)s)",
        "id_attribute": "entryUUID",
        "mail_attribute": "mail",
        "name_attribute": "cn",
        "group_type": "member",
        "group_filter": "(objectClass=groupOfNames)",
        "member_attribute": "member",
        "required_group": "",
    }
    return usual | settings_of(server) | more


def test_the_api_adds_tries_changes_and_removes(world: World, api: Api, server: Slapd) -> None:
    client = api(world.admin)
    made = client.post(URL, settings_of(server), format="json")
    assert made.status_code == 201
    assert (made.json()["source"], made.json()["has_password"]) == ("directory:corp", True)
    assert READER_SECRET not in made.content.decode()
    one = f"{URL}{made.json()['id']}/"
    alice = server.add_person("alice", SECRET)
    group = server.set_group("admins", alice)
    tried = client.post(f"{one}test/", {"login": "alice@example.com"}, format="json").json()
    assert tried == {"problem": "", "dn": alice, "name": "alice", "mails": ["alice@example.com"], "groups": [group]}
    nobody = client.post(f"{one}test/", {"login": "bob@example.com"}, format="json").json()
    assert (nobody["problem"], nobody["dn"], nobody["groups"]) == ("nobody is found by this name", "", [])
    assert client.patch(one, {"timeout": 9}, format="json").json()["timeout"] == 9
    assert client.get(URL).json()["results"][0]["timeout"] == 9
    assert client.get(one).json()["name"] == "corp"
    assert client.delete(one).status_code == 204
    assert not Directory.objects.exists()


def test_the_api_links_and_unlinks(world: World, api: Api, make: Make, server: Slapd) -> None:
    directory, client = make(), api(world.admin)
    server.add_person("alice", SECRET)
    link = {"email": world.viewer.email, "login": "alice@example.com"}
    assert client.post(f"{URL}{directory.public_id}/link/", link, format="json").status_code == 204
    assert DirectoryAccount.objects.get().user == world.viewer
    assert client.post(f"{URL}unlink/", {"email": world.viewer.email}, format="json").status_code == 204
    assert not DirectoryAccount.objects.exists()


def test_the_api_names_what_is_wrong(world: World, api: Api, server: Slapd) -> None:
    answer = api(world.admin).post(URL, settings_of(server) | {"user_filter": "mail=x"}, format="json")
    assert (answer.status_code, answer.json()["errors"].keys()) == (400, {"user_filter"})


def test_the_console_adds_changes_and_removes(world: World, signed_in: SignIn, server: Slapd) -> None:
    client = signed_in(world.admin)
    assert client.post(f"{LIST}add/", form_of(server)).status_code == 302
    directory = Directory.objects.get()
    page = f"{LIST}{directory.pk}/change/"
    assert READER_SECRET not in client.get(page).content.decode()
    assert client.post(page, form_of(server, timeout=9, bind_password="")).status_code == 302
    directory.refresh_from_db()
    assert (directory.timeout, password_of(directory)) == (9, READER_SECRET)
    assert "corp" in client.get(LIST).content.decode()
    assert client.post(f"{LIST}{directory.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Directory.objects.exists()


def test_the_console_says_at_the_field_what_is_wrong(world: World, signed_in: SignIn, server: Slapd) -> None:
    answer = signed_in(world.admin).post(f"{LIST}add/", form_of(server, uris="ldap://ldap.example.com"))
    assert "begins with ldaps://" in answer.context["adminform"].form.errors["uris"][0]


def test_the_console_looks_somebody_up(world: World, signed_in: SignIn, make: Make, server: Slapd) -> None:
    directory, client = make(), signed_in(world.admin)
    group = server.set_group("admins", server.add_person("alice", SECRET))
    page = f"{LIST}{directory.pk}/test/"
    assert page in client.get(f"{LIST}{directory.pk}/change/").content.decode()
    assert client.get(page).status_code == 200
    found = client.post(page, {"login": "alice@example.com"})
    assert group in found.content.decode()
    assert "no-store" in found["Cache-Control"]
    assert "nobody is found" in client.post(page, {"login": "bob@example.com"}).content.decode()
    assert "printable" in client.post(page, {"login": "bob\x07@example.com"}).content.decode()


def test_the_console_s_test_is_closed_to_others(world: World, signed_in: SignIn, make: Make, server: Slapd) -> None:
    page = f"{LIST}{make().pk}/test/"
    assert signed_in(world.developer).post(page, {"login": "alice@example.com"}).status_code == 403


def test_the_command_adds_tries_links_and_removes(
    world: World, server: Slapd, capsys: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text(server.authority)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{READER_SECRET}\n"))
    where = [
        "--uri",
        server.ldaps,
        "--ca-file",
        str(tmp_path / "ca.pem"),
        "--user-base",
        PEOPLE,
        "--group-base",
        GROUPS,
    ]
    call_command("directory", "add", "--name", "corp", *where, "--bind-dn", READER)
    group = server.set_group("admins", server.add_person("alice", SECRET))
    call_command("directory", "test", "--name", "corp", "--login", "alice@example.com")
    call_command("directory", "link", "--name", "corp", "--email", "viewer@example.com", "--login", "alice@example.com")
    call_command("directory", "recheck", "--name", "corp")
    call_command("directory", "list")
    call_command("directory", "unlink", "--email", "viewer@example.com")
    with pytest.raises(CommandError, match="0 accounts stay, without a password: say --yes"):
        call_command("directory", "remove", "--name", "corp")
    call_command("directory", "remove", "--name", "corp", "--yes")
    said = capsys.readouterr().out
    for part in (group, "checks the password of viewer@example.com from now on", "1 known, 0 gone", "removed corp"):
        assert part in said
    assert READER_SECRET not in said


def test_the_command_changes_what_is_named_and_leaves_the_rest(
    world: World, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make()
    change = ["directory", "change", "--name", "corp"]
    call_command(*change, "--timeout", "9", "--no-create-accounts", "--required-group", "cn=a,dc=example,dc=com")
    monkeypatch.setattr("sys.stdin", io.StringIO("another\n"))
    call_command(*change, "--bind-password-stdin", "--required-group", "")
    before = directory.uris
    directory.refresh_from_db()
    changed = (directory.timeout, directory.create_accounts, directory.required_group, password_of(directory))
    assert (changed, directory.uris) == ((9, False, "", "another"), before)
    call_command(*change, "--bind-dn", "")
    directory.refresh_from_db()
    assert (directory.bind_dn, directory.has_password) == ("", False)


def test_the_command_disables_enables_and_says_what_it_wants(world: World, make: Make) -> None:
    directory = make()
    for name, enabled in (("disable", False), ("enable", True)):
        call_command("directory", name, "--name", "corp")
        directory.refresh_from_db()
        assert directory.enabled is enabled
    with pytest.raises(CommandError, match="say what to change"):
        call_command("directory", "change", "--name", "corp")
    with pytest.raises(CommandError, match="there is no directory 'corp'"):
        call_command("directory", "disable", "--name", "corp", "--as", "owner@example.com")


@pytest.mark.parametrize("setting", sorted(Given.__annotations__.keys() - {"enabled"}))
def test_the_commands_take_every_setting(setting: str) -> None:
    option = {"uris": "uri", "ca_bundle": "ca_file"}.get(setting, setting)
    for face in (Command.add, Command.change):
        assert option in inspect.signature(face).parameters


def test_the_command_prints_json(world: World, make: Make, server: Slapd, capsys: Said) -> None:
    make()
    call_command("directory", "list", "--json")
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["accounts"], row["servers"]) == ("corp", 0, [server.ldaps])
    with pytest.raises(CommandError, match="nobody is found"):
        call_command("directory", "test", "--name", "corp", "--login", "bob@example.com", "--json")
    assert json.loads(capsys.readouterr().out)["dn"] == ""


def test_the_command_says_what_is_wrong(world: World, capsys: Said) -> None:
    call_command("directory", "list")
    assert "no directories yet" in capsys.readouterr().err
    for command in (["remove", "--name", "none"], ["test", "--name", "none", "--login", "x"]):
        with pytest.raises(CommandError, match="there is no directory 'none'"):
            call_command("directory", *command)
    with pytest.raises(CommandError, match="roles:create"):
        call_command("directory", "unlink", "--email", "viewer@example.com", "--as", "viewer@example.com")


def test_without_the_extra_it_says_how_to_install_it(
    world: World, api: Api, signed_in: SignIn, make: Make, server: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make()
    monkeypatch.setitem(sys.modules, "ldap", None)
    with pytest.raises(DirectoryFault, match="make ldap"):
        library.library()
    with pytest.raises(CommandError, match="make ldap"):
        call_command("directory", "add", "--name", "b", "--uri", "ldaps://ldap.example.com", "--user-base", PEOPLE)
    assert api(world.admin).post(URL, settings_of(server) | {"name": "b"}, format="json").status_code == 503
    answer = signed_in(world.admin).post(f"{LIST}add/", form_of(server, name="b"))
    assert "make ldap" in answer.content.decode()
    assert Directory.objects.count() == 1
    tried = api(world.admin).post(f"{URL}{directory.public_id}/test/", {"login": "alice@example.com"}, format="json")
    assert "make ldap" in tried.json()["problem"]
