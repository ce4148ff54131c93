"""Which functions of the platform change something, open something sealed, or record: read from the source itself.

A function does what the functions that it calls do. Calls are followed by name through the imports of a module; what is
called through a variable is not seen, which is why services call each other by name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.conf import settings

ROOMS = ("audit", "rbac", "accounts", "projects", "secrets_vault", "certificates", "firewall")
FACES = {"api.py", "token_api.py", "admin.py", "tasks.py", "console.py", "views.py", "apps.py", "models.py", "cli.py"}
WRITES = {"save", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete"}
RECORDS = {"audit.services.record", "audit.services.append"}
OPENS = {"secrets_vault.sealing.open_sealed", "secrets_vault.sealing.custody.open_sealed"}


@dataclass
class Function:
    name: str
    """With its module: ``projects.services.create_project``."""
    takes_actor: bool
    writes: bool
    calls: set[str] = field(default_factory=set)

    @property
    def is_public(self) -> bool:
        return not self.name.rpartition(".")[2].startswith("_")


@cache
def functions() -> dict[str, Function]:
    """Every function of the rooms outside the faces, by name."""
    found: dict[str, Function] = {}
    for path in _modules():
        module = ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts)
        tree = ast.parse(path.read_text("utf-8"))
        names = _names(tree, module.removesuffix(".__init__"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                one = _function(node, module, names)
                found[one.name] = one
    return found


def reaches(name: str, goal: set[str] | None = None) -> bool:
    """Whether ``name`` calls one of ``goal``, or (None) changes rows, by itself or through what it calls."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if goal is not None and current in goal:
            return True
        function = functions().get(current)
        if current in seen or function is None:
            continue
        seen.add(current)
        if goal is None and function.writes:
            return True
        waiting += function.calls - (RECORDS if goal is None else set())  # what recording itself writes is no change
    return False


def callers_of(name: str) -> set[str]:
    """The functions outside the faces that call ``name`` themselves."""
    return {one.name for one in functions().values() if name in one.calls and one.name != name}


def _modules() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((Path(settings.BASE_DIR) / room).rglob("*.py")):
            if path.name not in FACES and not {"migrations", "management"} & set(path.parts):
                yield path


def _names(tree: ast.Module, module: str) -> dict[str, str]:
    """What each name of the module stands for."""
    names = {node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _function(node: ast.FunctionDef, module: str, names: dict[str, str]) -> Function:
    made = Function(
        f"{module.removesuffix('.__init__')}.{node.name}",
        takes_actor=any(argument.arg == "actor" for argument in node.args.kwonlyargs),
        writes=any(isinstance(one, ast.Call) and _changes_rows(one) for one in ast.walk(node)),
    )
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and one.id in names:
            made.calls.add(names[one.id])
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in names:
            made.calls.add(f"{names[one.value.id]}.{one.attr}")
    return made


def _changes_rows(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    if call.func.attr == "update":  # of a queryset: by keyword alone
        return bool(call.keywords) and not call.args
    return call.func.attr in WRITES
