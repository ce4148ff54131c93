"""Every picture of the documentation is made by a browser test and shown in the gallery; none is left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN = re.compile(r"!\[[^\]]+\]\((?:docs/)?images/([^)]+)\.png\)")


def pictured() -> Iterator[str]:
    """The names that browser tests give to :func:`tests.browser.pictures.picture`."""
    for path in (ROOT / "tests/browser").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "picture":
                yield str(ast.literal_eval(node.args[1]))


def kept() -> set[str]:
    return {path.stem for path in (ROOT / "docs/images").iterdir()}


def shown_on(page: Path) -> list[str]:
    return SHOWN.findall(page.read_text("utf-8"))


def test_every_picture_is_made_by_one_line_of_the_browser_tests() -> None:
    assert sorted(pictured()) == sorted(kept())


def test_the_gallery_shows_each_once() -> None:
    assert sorted(shown_on(ROOT / "docs/pages.md")) == sorted(kept())


def test_no_page_shows_one_that_is_not_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        assert set(shown_on(page)) <= kept(), page.name
