"""``temps user`` and ``temps api-key`` as they are typed."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, User
from accounts.policy import factor_of
from tests.world import PASSWORD, World, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("R-08")]


class Shell:
    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        call_command(*arguments)
        return self.capsys.readouterr().out

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def temps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(capsys, monkeypatch)


def test_a_user_with_a_role_and_a_password_from_standard_input(temps: Shell) -> None:
    said = temps(
        "user", "create", "--email", "Fresh@Example.com", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    assert said == "created fresh@example.com with the role admin on the platform\n"
    assert User.objects.get().check_password(PASSWORD)
    row = temps.json("user", "list")[0]
    assert (row["email"], row["roles"]) == ("fresh@example.com", [{"role": "admin", "scope": "platform"}])


@pytest.mark.parametrize(("role", "told"), [("admin", True), ("viewer", False)])
def test_of_whom_a_second_factor_is_demanded_is_said(role: str, told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("user", "create", "--email", "fresh@example.com", "--role", role)
    assert ("enrolled at the first sign-in, in a browser" in capsys.readouterr().err) is told


def test_a_key_without_owner_or_end_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("api-key", "create", "--name", "one")
    said = capsys.readouterr()
    assert "of operator@service.invalid, good until it is revoked" in said.out
    assert "an administrator of the platform" in said.err
    assert "--expires-in 90d" in said.err
    call_command("api-key", "create", "--name", "two", "--user", "owner@example.com", "--expires-in", "90d")
    said = capsys.readouterr()
    assert re.search(r"of owner@example.com, good until [\d-]+ [\d:]+ UTC", said.out)
    assert said.err == ""


@pytest.mark.parametrize("stdin", ["", "\n", "password1234\n"])
def test_a_password_that_is_none_makes_no_user(temps: Shell, stdin: str) -> None:
    with pytest.raises(CommandError, match="password"):
        temps("user", "create", "--email", "fresh@example.com", "--role", "admin", "--password-stdin", stdin=stdin)
    assert not User.objects.exists()


def test_an_unknown_role_makes_no_user(temps: Shell) -> None:
    with pytest.raises(
        CommandError, match="unknown role 'king': the roles of the platform are admin, developer, viewer"
    ):
        temps("user", "create", "--email", "fresh@example.com", "--role", "king")
    assert not User.objects.exists()


def test_the_documented_lines_about_roles(temps: Shell, world: World) -> None:
    email = world.nobody.email
    assert "developer on platform" in temps("user", "assign-role", "--email", email, "--role", "developer")
    in_production = ("--project", "shop", "--env", "production")
    said = temps("user", "assign-role", "--email", email, "--role", "member", *in_production)
    assert said == f"{email} is now member on shop/production\n"
    rows = temps.json("user", "permissions", "--email", email)
    assert {"permission": "deployments:create", "scope": "shop/production", "role": "member"} in rows
    assert re.search(r"deployments:create +shop/production +member", temps("user", "permissions", "--email", email))
    temps("user", "remove-role", "--email", email, *in_production)
    assert {row["scope"] for row in temps.json("user", "permissions", "--email", email)} == {"platform"}


@pytest.mark.promise("R-07")
def test_as_a_user_one_has_that_user_s_rights(temps: Shell, world: World) -> None:
    add = ("user", "assign-role", "--email", world.nobody.email, "--role", "viewer", "--project")
    assert "viewer on shop" in temps(*add, "shop", "--as", world.owner.email)
    with pytest.raises(CommandError, match="no project 'other'"):
        temps(*add, "other", "--as", world.owner.email)
    with pytest.raises(CommandError):
        temps("user", "assign-role", "--email", world.owner.email, "--role", "admin", "--as", world.owner.email)
    with pytest.raises(CommandError, match="no user"):
        temps("user", "permissions", "--email", world.admin.email, "--as", world.member.email)


def test_an_environment_needs_its_project(temps: Shell, world: World) -> None:
    with pytest.raises(CommandError, match="--env needs --project"):
        temps("user", "assign-role", "--email", world.nobody.email, "--role", "member", "--env", "production")


def test_disabling_and_enabling(temps: Shell, world: World) -> None:
    temps("user", "disable", "--email", world.viewer.email)
    assert not User.objects.get(pk=world.viewer.pk).is_active
    assert temps.json("user", "permissions", "--email", world.viewer.email) == []
    temps("user", "enable", "--email", world.viewer.email)
    with pytest.raises(CommandError, match="last administrator"):
        temps("user", "disable", "--email", world.admin.email)


def test_a_lost_password_and_a_lost_app(temps: Shell, world: World) -> None:
    temps(
        "user",
        "set-password",
        "--email",
        world.viewer.email,
        "--password-stdin",
        stdin="a fresh unguessable phrase 3\n",
    )
    assert User.objects.get(pk=world.viewer.pk).check_password("a fresh unguessable phrase 3")
    with pytest.raises(CommandError, match="--password-stdin"):
        temps("user", "set-password", "--email", world.viewer.email)
    enrol(world.viewer)
    temps("user", "reset-mfa", "--email", world.viewer.email)
    assert factor_of(world.viewer) is None
    assert "everyone" in temps("user", "require-mfa", "--of", "everyone")


@pytest.mark.promise("A-08", "A-10")
def test_the_documented_lines_about_keys(temps: Shell, world: World) -> None:
    said = temps("api-key", "create", "--name", "CI/CD Key", "--scopes", "deployments:create,projects:read")
    token = re.search(r"\btmp_\S+", said)
    assert token
    temps("api-key", "create", "--name", "Temp Key", "--expires-in", "30d")
    rows = {row["name"]: row for row in temps.json("api-key", "list")}
    assert rows["CI/CD Key"]["scopes"] == ["projects:read", "deployments:create"]
    assert rows["CI/CD Key"]["owner"] == "operator@service.invalid"
    assert rows["Temp Key"]["expires_at"]
    assert token.group() not in temps("api-key", "list")
    temps("api-key", "revoke", "--key-id", rows["Temp Key"]["id"])
    assert {row["name"]: row["status"] for row in temps.json("api-key", "list")}["Temp Key"] == "revoked"


def test_without_scopes_the_preset_is_named(temps: Shell) -> None:
    assert "the preset read-only" in temps("api-key", "create", "--name", "x")


def test_whose_key_it_is(temps: Shell, world: World) -> None:
    assert temps.json("api-key", "create", "--name", "a", "--user", world.owner.email)["owner"] == world.owner.email
    mine = temps.json("api-key", "create", "--name", "b", "--as", world.member.email)
    assert mine["owner"] == world.member.email
    assert [row["name"] for row in temps.json("api-key", "list", "--as", world.member.email)] == ["b"]


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--scopes", "projects:read,fly", "'fly'"),
        ("--expires-in", "soon", "'soon'"),
        ("--networks", "10.0.0.1/8", "10.0.0.1/8"),
    ],
)
def test_bad_input_is_named_and_makes_no_key(temps: Shell, option: str, value: str, named: str) -> None:
    with pytest.raises(CommandError) as refusal:
        temps("api-key", "create", "--name", "x", option, value)
    assert named in str(refusal.value)
    assert not ApiKey.objects.exists()
