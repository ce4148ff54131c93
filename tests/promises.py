"""``make promises``: which promises of ``docs/promises.md`` no test names yet, section by section.

A test names a promise in a marker, ``@pytest.mark.promise("F-03")`` or ``pytestmark``, or by the id in its docstring.
The tests are read and not run. A test that names an id which does not exist is an error, and the exit status is 1.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECTION = re.compile(r"^## (\w)\. (.+)$", re.MULTILINE)
PROMISE = re.compile(r"^\| ([A-Z]-\d\d) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"\b[A-Z]-\d\d\b")


def promised() -> dict[str, str]:
    """Every promise by id."""
    return dict(PROMISE.findall((ROOT / "docs/promises.md").read_text("utf-8")))


def sections() -> dict[str, str]:
    """The title of each section by its letter."""
    return dict(SECTION.findall((ROOT / "docs/promises.md").read_text("utf-8")))


def named_in(tree: ast.AST) -> Iterator[str]:
    """The ids that the markers and test docstrings of a module name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.promise"):
            yield from (str(one.value) for one in node.args if isinstance(one, ast.Constant))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower().startswith("test"):
            yield from NAMED.findall(ast.get_docstring(node) or "")


def shown(tests: Path = ROOT / "tests") -> dict[str, set[str]]:
    """By id, the test files that name it."""
    files = defaultdict(set)
    for path in sorted(tests.rglob("test_*.py")):
        for identity in named_in(ast.parse(path.read_text("utf-8"), str(path))):
            files[identity].add(str(path.relative_to(tests.parent)))
    return files


def main() -> int:
    promises, tests, titles = promised(), shown(), sections()
    for letter, title in titles.items():
        mine = [identity for identity in promises if identity[0] == letter]
        open_ones = [identity for identity in mine if identity not in tests]
        print(f"{letter}. {title}: {len(mine) - len(open_ones)} of {len(mine)} named by tests")
        for identity in open_ones:
            print(f"   {identity}  {promises[identity].split('. ')[0].rstrip('.')}")
    unknown = sorted(tests.keys() - promises.keys())
    for identity in unknown:
        print(
            f"error: {identity} is named by {', '.join(sorted(tests[identity]))} and promised nowhere", file=sys.stderr
        )
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
