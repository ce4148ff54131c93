from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from secrets_vault import reading
from secrets_vault.services import set_variable
from tests.world import World


def env(*arguments: str) -> None:
    call_command("env", *arguments)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Any:
    def give(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


def values(world: World) -> dict[str, str]:
    return reading.resolve(world.project, None, actor=world.operator)


@pytest.mark.promise("S-07")
def test_the_documented_line_works(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    env("set", "--project", "shop", "--key", "API_KEY", "--value", "secret-key", "--encrypted")
    assert capsys.readouterr().out == "set API_KEY in shop (encrypted, version 1)\n"
    env("get", "--project", "shop", "--key", "API_KEY")
    assert capsys.readouterr().out == "secret-key\n"


@pytest.mark.promise("S-07")
@pytest.mark.parametrize(
    ("given", "kept"),
    [(b"hunter2\n", "hunter2"), (b"hunter2", "hunter2"), (b"a\nb\n\n", "a\nb\n"), (b"a\r\n", "a"), (b"\n", "")],
)
def test_a_value_comes_from_standard_input(world: World, stdin: Any, given: bytes, kept: str) -> None:
    stdin(given)
    env("set", "--project", "shop", "--key", "A", "--value-stdin", "--encrypted")
    assert values(world) == {"A": kept}


@pytest.mark.parametrize("given", [b"\xff", b"x" * 70_000])
def test_a_value_from_standard_input_is_checked(world: World, stdin: Any, given: bytes) -> None:
    stdin(given)
    with pytest.raises(CommandError):
        env("set", "--project", "shop", "--key", "A", "--value-stdin")
    assert values(world) == {}


@pytest.mark.parametrize("how", [(), ("--value", "hunter2", "--value-stdin"), ("--value", "my", "hunter2")])
def test_a_value_is_given_in_one_way_and_never_repeated(
    world: World, how: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError) as caught:
        env("set", "--project", "shop", "--key", "A", *how)
    assert "hunter2" not in f"{caught.value}{capsys.readouterr()}"
    assert values(world) == {}


@pytest.mark.promise("S-07")
def test_a_list_is_masked_unless_secrets_are_asked_for(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    set_variable(world.project, "LONG", "hunter2" * 9, encrypted=True, actor=world.operator)
    set_variable(world.project, "SHORT", "h", encrypted=True, actor=world.operator)
    set_variable(world.project, "PLAIN", "shown", environment=world.production, actor=world.operator)
    env("list", "--project", "shop", "--env", "production")
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert re.findall(r"(\w+) +(\S+) +(base|production)", out) == [
        ("LONG", "********", "base"),
        ("PLAIN", "shown", "production"),
        ("SHORT", "********", "base"),
    ]
    assert not Event.objects.filter(operation="SECRET_REVEAL").exists()
    env("list", "--project", "shop", "--env", "production", "--show-secrets")
    assert "hunter2" in capsys.readouterr().out
    assert Event.objects.filter(operation="SECRET_REVEAL").count() == 2


def test_a_list_as_json_tells_nothing_of_secrets(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    set_variable(world.project, "A", "hunter2", encrypted=True, actor=world.operator)
    env("list", "--project", "shop", "--json")
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["key"], row["value"], row["environment"], row["encrypted"]) == ("A", None, None, True)


@pytest.mark.promise("S-07", "S-08")
def test_the_documented_import_works_and_the_export_reads_the_same(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, copy = tmp_path / ".env.production", tmp_path / "copy.env"
    file.write_text('export A=1\r\nPEM="x\ny"\nQUOTE=\'it"s $5\'\n')
    env("import", "--project", "shop", "--file", str(file), "--encrypted")
    assert capsys.readouterr().out == "imported 3 variables into shop: 3 new, 0 changed; 3 encrypted\n"
    before = values(world)
    env("export", "--project", "shop", "--file", str(copy))
    env("import", "--project", "shop", "--file", str(copy))
    assert values(world) == before == {"A": "1", "PEM": "x\ny", "QUOTE": 'it"s $5'}


@pytest.mark.promise("S-08")
def test_a_bad_line_is_named_not_shown_and_nothing_is_imported(world: World, stdin: Any) -> None:
    stdin(b"A=1\nhunter2\n")
    with pytest.raises(CommandError) as caught:
        env("import", "--project", "shop", "--file", "-")
    assert str(caught.value) == "line 2: this is not KEY=value"
    assert values(world) == {}


def test_a_file_that_is_not_there_is_one_line(world: World, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot read .*: No such file or directory"):
        env("import", "--project", "shop", "--file", str(tmp_path / "missing"))
    with pytest.raises(CommandError, match=r"there is no directory"):
        env("export", "--project", "shop", "--file", str(tmp_path / "missing" / "file"))


@pytest.mark.promise("S-07")
def test_an_export_is_private_and_replaces_no_file_unasked(world: World, tmp_path: Path) -> None:
    file = tmp_path / "out.env"
    file.write_text("precious")
    file.chmod(0o666)
    set_variable(world.project, "A", "1", actor=world.operator)
    with pytest.raises(CommandError, match="--force"):
        env("export", "--project", "shop", "--file", str(file))
    assert file.read_text() == "precious"
    env("export", "--project", "shop", "--file", str(file), "--force")
    assert file.read_text().endswith("\nA=1\n")
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_export_over_a_directory_leaves_no_copy_behind(world: World, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    with pytest.raises(CommandError, match="cannot write"):
        env("export", "--project", "shop", "--file", str(tmp_path / "dir"), "--force")
    assert [one.name for one in tmp_path.iterdir()] == ["dir"]


def test_an_export_prints_without_a_file(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    set_variable(world.project, "A", "a b", encrypted=True, actor=world.operator)
    env("export", "--project", "shop")
    assert capsys.readouterr().out.splitlines()[1:] == ["A='a b'"]
    env("export", "--project", "shop", "--json")
    assert json.loads(capsys.readouterr().out) == {"A": "a b"}


@pytest.mark.promise("S-06", "S-07")
def test_a_history_tells_who_and_why_but_no_value(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    env("set", "--project", "shop", "--key", "A", "--value", "hunter2", "--reason", "first")
    env("unset", "--project", "shop", "--key", "A")
    assert capsys.readouterr().out.endswith("unset A in shop\n")
    env("history", "--project", "shop", "--key", "A", "--json")
    out = capsys.readouterr().out
    assert [(row["version"], row["kind"], row["reason"]) for row in json.loads(out)] == [
        (2, "unset", ""),
        (1, "plain", "first"),
    ]
    env("history", "--project", "shop", "--key", "A")
    assert "hunter2" not in out + capsys.readouterr().out


@pytest.mark.promise("R-05")
def test_as_a_user_a_command_has_that_users_rights(world: World) -> None:
    set_variable(world.project, "A", "1", encrypted=True, actor=world.operator)
    for arguments in (("get", "--key", "A"), ("unset", "--key", "A"), ("list", "--show-secrets"), ("export",)):
        with pytest.raises(CommandError, match="this needs the permission"):
            env(*arguments, "--project", "shop", "--as", "viewer@example.com")
        with pytest.raises(CommandError, match="there is no project 'shop'"):
            env(*arguments, "--project", "shop", "--as", "outsider@example.com")


@pytest.mark.promise("S-02")
def test_a_missing_keyring_is_one_line_that_names_the_key(data_dir: Path, world: World) -> None:
    set_variable(world.project, "A", "1", encrypted=True, actor=world.operator)
    (data_dir / "encryption_key").unlink()
    with pytest.raises(CommandError, match=r"^the database holds data sealed by the encryption key [0-9a-f]{16}"):
        env("get", "--project", "shop", "--key", "A")
