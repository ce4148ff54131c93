"""Scopes: how the rights of an API key are written. ``docs/scopes.md`` shows the same to users.

Each word is a permission (``deployments:create``), the same the other way round (``read:projects``,
``write:deployments``, ``admin:project``) or a preset (``read-only``, ``deploy-only``, ``admin``). A key stores the
permissions that they stand for, by name, so that a later release cannot widen a key that exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from rbac.permissions import HUMAN_ONLY, SCOPE_PRESETS, Permission
from temps.lib.errors import Invalid

DEFAULT_PRESET = "read-only"
NAMES = frozenset(permission.value for permission in Permission)

# What the verb of an alias stands for; "admin" is everything that exists for the resource.
VERBS: dict[str, frozenset[str] | None] = {
    "read": frozenset({"read"}),
    "write": frozenset({"create", "update", "write"}),
    "admin": None,
}


def parse_scopes(text: str | Iterable[str]) -> list[str]:
    """The permissions that ``text`` (comma-separated, or a list) stands for, in the order of the catalogue.

    Raises :class:`Invalid` naming the first word that is no scope, or that no key may have.
    """
    words = text.split(",") if isinstance(text, str) else list(text)
    found: set[Permission] = set()
    for word in (word.strip().lower() for word in words):
        if word:
            found |= _meaning(word)
    if not found:
        raise Invalid(f"name at least one scope, such as projects:read or {DEFAULT_PRESET}", field="scopes")
    return [permission.value for permission in Permission if permission in found]


def _meaning(word: str) -> frozenset[Permission]:
    if word in SCOPE_PRESETS:
        return SCOPE_PRESETS[word]
    if word in NAMES:
        permission = Permission(word)
        if permission in HUMAN_ONLY:
            raise Invalid(f"'{word}' is for people alone: no API key can have it", field="scopes")
        return frozenset({permission})
    verb, _, noun = word.partition(":")
    usable = _of_resource(verb, noun) - HUMAN_ONLY
    if not usable:
        close = get_close_matches(word, sorted(NAMES | SCOPE_PRESETS.keys()), n=2, cutoff=0.6)
        hint = f"perhaps {' or '.join(close)}?" if close else "docs/scopes.md lists them"
        raise Invalid(f"unknown scope '{word}': {hint}", field="scopes")
    return usable


def _of_resource(verb: str, noun: str) -> frozenset[Permission]:
    if verb not in VERBS:
        return frozenset()
    actions = VERBS[verb]
    return frozenset(
        permission
        for permission in Permission
        for resource, _, action in [permission.value.partition(":")]
        if noun in (resource, resource.removesuffix("s")) and (actions is None or action in actions)
    )
