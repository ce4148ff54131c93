"""The rules that come with Temps. A person's changes to them survive upgrades: what exists is left as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connections, transaction

from audit.actions import Action, Result
from audit.alerts.conditions import CONDITIONS
from audit.alerts.models import Cursor, GroupBy, Rule, RuleKind, Severity
from audit.models import Tree

MINUTES = 60
DAY = 24 * 60 * MINUTES

EVENTS: tuple[dict[str, Any], ...] = (
    {
        "key": "failed_sign_ins_by_address",
        "name": "Failed sign-ins from one address",
        "operations": [Action.USER_SIGN_IN],
        "results": [Result.FAILURE],
        "threshold": 10,
        "window": 10 * MINUTES,
        "group_by": GroupBy.ADDRESS,
    },
    {
        "key": "failed_sign_ins_by_account",
        "name": "Failed sign-ins to one account",
        "operations": [Action.USER_SIGN_IN],
        "results": [Result.FAILURE],
        "threshold": 5,
        "window": 10 * MINUTES,
        "group_by": GroupBy.USER,
    },
    {
        "key": "denials_by_user",
        "name": "Denials of one user",
        "operations": [Action.PERMISSION_CHECK],
        "results": [Result.DENIED],
        "threshold": 20,
        "window": 10 * MINUTES,
        "group_by": GroupBy.USER,
    },
    {
        "key": "administrator_from_new_network",
        "name": "An administrator signed in from a new network",
        "kind": RuleKind.NETWORK,
        "operations": [Action.USER_SIGN_IN],
        "results": [Result.SUCCESS],
        "window": DAY,
        "group_by": GroupBy.USER,
    },
    {
        "key": "api_key_from_new_network",
        "name": "An API key was used from a new network",
        "kind": RuleKind.NETWORK,
        "operations": [Action.API_KEY_USE],
        "results": [Result.SUCCESS],
        "window": DAY,
        "group_by": GroupBy.USER,
    },
)


def rules() -> Iterator[dict[str, Any]]:
    """What each shipped rule starts with."""
    yield from EVENTS
    for condition in CONDITIONS.values():
        yield {
            "key": condition.key,
            "name": condition.name,
            "kind": RuleKind.CONDITION,
            "severity": condition.severity,
        }


def install(using: str = "default", **_signal: Any) -> None:
    """Add the rules that are missing, and on the first run begin with the log as it is. Idempotent."""
    with transaction.atomic(using), connections[using].cursor() as cursor:
        tables = connections[using].introspection.table_names(cursor)
        if not {Rule._meta.db_table, Cursor._meta.db_table, Tree._meta.db_table} <= {*tables}:
            return
        for rule in rules():
            key = rule["key"]
            Rule.objects.using(using).get_or_create(
                key=key, defaults={"severity": Severity.WARNING, "created_by": "Temps"} | rule
            )
        tree = Tree.objects.using(using).first()
        Cursor.objects.using(using).get_or_create(
            pk=Cursor.ONLY, defaults={"position": tree.size if tree is not None else 0}
        )
