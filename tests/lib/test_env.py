from __future__ import annotations

from pathlib import Path

import pytest

from temps.lib.env import Env, EnvError


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file\n")
    assert Env({"NAME_FILE": str(secret)}).text("NAME") == "from the file"


@pytest.mark.promise("O-02")
def test_name_and_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="NAME and NAME_FILE are both set"):
        Env({"NAME": "x", "NAME_FILE": str(tmp_path)}).get("NAME")


def test_a_missing_file_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="NAME_FILE: cannot read"):
        Env({"NAME_FILE": str(tmp_path / "absent")}).get("NAME")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_flags(text: str, value: bool) -> None:
    assert Env({"FLAG": text}).flag("FLAG", default=not value) is value


@pytest.mark.parametrize("text", ["maybe-hunter2", "2"])
def test_a_malformed_flag_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(EnvError) as refused:
        Env({"FLAG": text}).flag("FLAG")
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", ["ten", "1.5", "-1"])
def test_numbers_are_whole_and_not_too_small(text: str) -> None:
    with pytest.raises(EnvError):
        Env({"NUMBER": text}).number("NUMBER", 3)


def test_words() -> None:
    assert Env({"LIST": " a, b,,c "}).words("LIST") == ["a", "b", "c"]


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/n", "nonsense", "postgresql://u:hun/ter2@h:x/n", "postgresql://[h/n"]
)
def test_a_database_that_cannot_be_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(EnvError, match="must be sqlite") as refused:
        Env({"DATABASE_URL": url}).database_url("DATABASE_URL")
    assert "ter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "sqlite:////data/temps.sqlite3", "postgresql://u:p%40ss@h:5432/n?sslmode=require"])
def test_databases_that_can_be(url: str) -> None:
    assert Env({"DATABASE_URL": url}).database_url("DATABASE_URL") == url
