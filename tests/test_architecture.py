"""The shape of the house: who imports whom, how long a file may be, and what never stands in one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import promises

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
LINES = 400
CODE = {".py", ".html", ".js", ".css"}
GENERATED = ("requirements/", "/migrations/", "LICENSE")

# Put together here, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(?:NotImplemented" + r"Error|TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
ELSEWHERE = {
    "an index address": re.compile(r"--(?:extra-)?index" + r"-url|https?://[^\s\"']*/simple" + r"/"),
    "somebody's home directory": re.compile(r"(?<![\w.~}$])/(?:root|Users" + r"|home/(?!temps\b)\w+)/\w"),
}


def tracked() -> Iterator[Path]:
    """The files of the project: those that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    yield from (path for name in filter(None, listed.split("\0")) if (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    """Name and content of every file that is text."""
    for path in tracked():
        try:
            yield str(path.relative_to(ROOT)), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # an image or a font


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return dict(texts())


def code(files: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in files.items():
        if Path(name).suffix in CODE and not any(part in name for part in GENERATED):
            yield name, text


def test_the_rooms_import_downwards_alone() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_every_file_can_be_read_in_one_sitting(files: dict[str, str]) -> None:
    long = {name: lines for name, text in code(files) if (lines := text.count("\n")) > LINES}
    assert not long, f"split these by verb into packages: {long}"


def test_nothing_is_left_for_later(files: dict[str, str]) -> None:
    found = [f"{name}: {match[0]}" for name, text in code(files) for match in UNFINISHED.finditer(text)]
    assert not found


@pytest.mark.parametrize("what", ELSEWHERE)
def test_no_file_tells_of_the_machine_it_was_written_on(files: dict[str, str], what: str) -> None:
    found = [f"{name}: {match[0][:60]!r}" for name, text in files.items() for match in ELSEWHERE[what].finditer(text)]
    assert not found, f"{what} in {found}"


def test_no_file_names_this_checkout(files: dict[str, str]) -> None:
    assert not [name for name, text in files.items() if f"{ROOT}/" in text]


def test_pages_bring_no_script_or_style_of_their_own(files: dict[str, str]) -> None:
    inline = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=\"|javascript:", re.IGNORECASE)
    found = [
        f"{name}: {match[0]}"
        for name, text in files.items()
        if name.endswith(".html") and not name.startswith("tests/")
        for match in inline.finditer(text)
    ]
    assert not found, "the content security policy would refuse them; put them into a static file"


def test_every_promise_that_a_test_names_exists() -> None:
    assert not promises.shown().keys() - promises.promised().keys()
    assert len(promises.promised()) > 80
