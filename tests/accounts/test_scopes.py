from __future__ import annotations

from pathlib import Path

import pytest

from accounts.scopes import parse_scopes
from rbac.permissions import HUMAN_ONLY, SCOPE_PRESETS, Permission
from temps.lib.errors import Invalid

pytestmark = pytest.mark.promise("A-10")

DOCUMENT = Path(__file__).parents[2] / "docs" / "scopes.md"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("deployments:create,projects:read", ["projects:read", "deployments:create"]),
        (" Projects:Read , projects:read ", ["projects:read"]),
        ("read:projects", ["projects:read"]),
        ("write:deployments", ["deployments:create", "deployments:update"]),
        ("admin:project", ["projects:read", "projects:create", "projects:update", "projects:delete"]),
        ("read:secrets", ["secrets:read"]),
        ("write:secret", ["secrets:write"]),
        ("admin:secrets", ["secrets:read", "secrets:reveal", "secrets:write", "secrets:delete"]),
        ("write:firewall", ["firewall:write"]),
        ("admin:api_keys", ["api_keys:read", "api_keys:update", "api_keys:delete"]),
        ("deploy-only", ["projects:read", "deployments:read", "deployments:create"]),
    ],
)
def test_what_a_scope_stands_for(text: str, meaning: list[str]) -> None:
    assert parse_scopes(text) == meaning
    assert parse_scopes(text.split(",")) == meaning


@pytest.mark.parametrize(
    "word", ["root", "projects", "projects:", ":read", "read:", "projects:fly", "fly:projects", "*"]
)
def test_an_unknown_scope_is_named(word: str) -> None:
    with pytest.raises(Invalid, match="unknown scope") as refusal:
        parse_scopes(f"projects:read,{word}")
    assert f"'{word}'" in refusal.value.message
    assert refusal.value.field == "scopes"


@pytest.mark.parametrize("permission", sorted(HUMAN_ONLY))
def test_what_is_for_people_alone_is_refused(permission: Permission) -> None:
    with pytest.raises(Invalid, match="people alone"):
        parse_scopes(permission.value)


@pytest.mark.parametrize("text", ["", " , ", []])
def test_a_key_without_scopes_is_refused(text: str | list[str]) -> None:
    with pytest.raises(Invalid, match="at least one scope"):
        parse_scopes(text)


@pytest.mark.parametrize("preset", sorted(SCOPE_PRESETS))
def test_no_preset_holds_what_is_for_people_alone(preset: str) -> None:
    assert not HUMAN_ONLY & set(parse_scopes(preset))


def test_every_permission_is_a_scope_or_for_people_alone() -> None:
    for permission in set(Permission) - HUMAN_ONLY:
        assert parse_scopes(permission.value) == [permission.value]


def test_the_document_lists_every_permission_and_preset() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in [*Permission, *SCOPE_PRESETS]:
        assert f"`{name}`" in text
