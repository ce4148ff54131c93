"""Which commands ``temps`` offers, and what it says to whoever asks for another."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands

from temps import offered
from temps.refused import INSTEAD

ROOT = Path(__file__).parents[1]
FILES = {path.stem for room in offered.ROOMS for path in (ROOT / room).rglob("management/commands/*.py")}
OWN = FILES - {"__init__", *INSTEAD}


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        offered.answer([*arguments])
    message = str(ended.value.code)
    assert (message.count("\n"), capsys.readouterr().out) == (0, "")
    return message


def test_the_overview_lists_every_command_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert offered.answer([])
    said = capsys.readouterr().out
    listed = re.findall(r"^  (\S+) +\S", said, flags=re.M)
    assert {"alert", "directory", "group-role", "mail", "notice", "provider", "session", "sink"} <= OWN
    assert set(listed) == OWN | set(offered.OF_DJANGO)
    assert len({line.index(re.split(r"\s+", line)[2]) for line in said.splitlines() if line.startswith("  ")}) == 1


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_what_goes_past_the_audit_log_is_refused_everywhere(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "temps " in refused(name, capsys=capsys)
    assert "temps " in refused("help", name, capsys=capsys)
    with pytest.raises(CommandError, match="would go past the audit log"):
        call_command(name)
    assert get_commands()[name] == "temps"


def test_commands_for_developers_are_not_offered(capsys: pytest.CaptureFixture[str]) -> None:
    others = set(get_commands()) - OWN - set(offered.OF_DJANGO) - set(INSTEAD)
    assert {"flush", "loaddata", "shell", "auditlogmigratejson", "account_unsetmultipleprimaryemails"} <= others
    for name in others:
        assert "manage.py has it" in refused(name, capsys=capsys)


def test_a_mistyped_name_is_told_the_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        refused("usr", capsys=capsys)
        == "error: there is no command 'usr': did you mean 'user'? temps --help lists them"
    )
    assert refused("x", capsys=capsys) == "error: there is no command 'x': temps --help lists them"


@pytest.mark.parametrize("name", ["migrate", "check", "user", "sink"])
def test_what_is_offered_is_left_to_django(name: str) -> None:
    assert not offered.answer([name, "--help"])
    assert not offered.answer(["help", name])


def run(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"TEMPS_DATA_DIR": str(home)}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, cwd=ROOT)


@pytest.mark.once
def test_manage_py_is_whole_but_for_what_goes_past_the_audit_log(tmp_path: Path) -> None:
    assert "makemigrations" in run("manage.py", "help", "--commands", home=tmp_path).stdout
    ran = run("manage.py", "createsuperuser", "--noinput", "--email", "admin@example.com", home=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "temps user create" in ran.stderr


@pytest.mark.once
def test_the_command_line_says_so(tmp_path: Path) -> None:
    ran = run("-m", "temps", "changepassword", "admin@example.com", home=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "temps user set-password" in ran.stderr
    assert run("-m", "temps", "--version", home=tmp_path).stdout.startswith("temps ")


@pytest.mark.once
def test_a_command_without_its_sub_command_shows_them(tmp_path: Path) -> None:
    ran = run("-m", "temps", "provider", home=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Usage: temps provider" in ran.stderr
    assert "enable" in ran.stderr
    assert "Missing command" not in ran.stderr


@pytest.mark.once
def test_whoever_has_read_enough_sees_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "temps", "--help"]
    pipe = subprocess.PIPE
    environment = {"TEMPS_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment, cwd=ROOT) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        ran.stdout.close()
        assert (ran.stderr.read(), ran.wait()) == (b"", 1)
