"""What people do with alerts and rules. Who is told of them is in ``audit.alerts.channels``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit.actions import Action, Result
from audit.alerts.conditions import CONDITIONS
from audit.alerts.models import Alert, AlertState, GroupBy, Rule, RuleKind, Severity
from audit.masking import printable
from audit.reading import operations_in
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound

THRESHOLDS = range(1, 10_001)
WINDOWS = range(10, 7 * 24 * 3600 + 1)
"""Seconds: less than the time between two looks says little, and a week of events is much to count."""
MAX_RULES = 100
GROUPS = {GroupBy.USER.value: "account", GroupBy.ADDRESS.value: "address", GroupBy.PROJECT.value: "project"}
"""What there is an alert for each of. A sign-in that failed counts for the account that was tried."""


def alert_by_id(public_id: str, *, actor: Actor) -> Alert:
    """The alert, if ``actor`` may see it. Raises :class:`NotFound` when not."""
    alert: Alert | None = Alert.objects.visible_to(actor).select_related("rule").filter(public_id=public_id).first()
    if alert is None:
        raise NotFound(f"there is no alert '{printable(public_id[:60])}': temps alert list --all lists them")
    return alert


def open_alerts(actor: Actor) -> QuerySet[Alert]:
    """The alerts that ``actor`` may see and that nobody looks after yet."""
    return Alert.objects.visible_to(actor).filter(state=AlertState.OPEN)


def rule_by_id(identity: str, *, actor: Actor) -> Rule:
    """The rule with this id (``rul_…``) or, of those that come with Temps, this key."""
    visible = Rule.objects.visible_to(actor)
    rule: Rule | None = visible.filter(public_id=identity).first() or visible.filter(key=identity).first()
    if rule is None:
        raise NotFound(f"there is no rule '{printable(identity[:60])}': temps alert rules lists them")
    return rule


def one_for_each(rule: Rule) -> str:
    """For what ``rule`` makes an alert of its own, for people."""
    if rule.kind == RuleKind.NETWORK:
        return "account or key, and network"
    condition = CONDITIONS.get(rule.key or "") if rule.kind == RuleKind.CONDITION else None
    about = condition.about if condition is not None else GROUPS.get(rule.group_by, "")
    return about or "all of it together"


@transaction.atomic
def acknowledge(alert: Alert, *, actor: Actor) -> Alert:
    """Say that somebody looks after it: it counts on, and nobody is reminded. Once is enough, so again is no error."""
    require(actor, Permission.MONITORING_WRITE)
    current: Alert = Alert.objects.select_for_update(of=("self",)).select_related("rule").get(pk=alert.pk)
    if current.state == AlertState.RESOLVED:
        raise Conflict("this alert has been resolved already")
    if current.state == AlertState.OPEN:
        current.state = AlertState.ACKNOWLEDGED
        current.acknowledged_by, current.acknowledged_at = actor.label[:254], clock.now()
        current.save(update_fields=["state", "acknowledged_by", "acknowledged_at"])
        record(actor, Action.ALERT_ACKNOWLEDGE, current, f"acknowledged the alert '{current}'")
    return current


@transaction.atomic
def create_rule(
    name: str,
    *,
    actor: Actor,
    operations: Iterable[str] = (),
    results: Iterable[str] = (),
    threshold: int = 1,
    window: int = 600,
    group_by: str = GroupBy.NONE,
    severity: str = Severity.WARNING,
) -> Rule:
    """Watch for ``threshold`` events of these operations and results (empty: any) within ``window`` seconds."""
    require(actor, Permission.MONITORING_WRITE)
    given = _checked(
        name=name,
        operations=operations,
        results=results,
        threshold=threshold,
        window=window,
        group_by=group_by,
        severity=severity,
    )
    if Rule.objects.filter(key=None).count() >= MAX_RULES:
        raise Conflict(f"there are {MAX_RULES} rules of your own already")
    rule = Rule.objects.create(created_by=actor.label[:254], **given)
    record(actor, Action.ALERT_RULE_CREATE, rule, f"made the alert rule '{rule}'", metadata=_shown(rule))
    return rule


@transaction.atomic
def update_rule(rule: Rule, *, actor: Actor, **changes: Any) -> Rule:
    """Change what is given. What a rule that comes with Temps is about stays; how soon and how loud it is may change.

    Raises :class:`Invalid` for a value, or a field, that this rule does not take.
    """
    require(actor, Permission.MONITORING_WRITE)
    current: Rule = Rule.objects.select_for_update().get(pk=rule.pk)
    before = _shown(current)
    enabled = changes.pop("enabled", None)
    given = _checked(**changes)
    for name, value in given.items():
        if name not in adjustable(current) and value != getattr(current, name):
            raise Invalid(f"the {name.replace('_', ' ')} of this rule cannot be changed", field=name)
        setattr(current, name, value)
    if enabled is not None:
        current.enabled = bool(enabled)
    if (after := _shown(current)) != before:
        current.save()
        record(
            actor,
            Action.ALERT_RULE_UPDATE,
            current,
            f"changed the alert rule '{current}'",
            metadata={"before": before, "after": after},
        )
    return current


@transaction.atomic
def delete_rule(rule: Rule, *, actor: Actor) -> None:
    """Remove a rule of one's own with its alerts. Raises :class:`Conflict` for one that comes with Temps."""
    require(actor, Permission.MONITORING_WRITE)
    if rule.shipped:
        raise Conflict("this rule comes with Temps and cannot be deleted: disable it instead")
    rule.delete()
    record(actor, Action.ALERT_RULE_DELETE, rule, f"deleted the alert rule '{rule}'", metadata=_shown(rule))


def adjustable(rule: Rule) -> frozenset[str]:
    """The fields of ``rule`` that may be changed, besides whether it is enabled."""
    if not rule.shipped:
        return frozenset({"name", "operations", "results", "threshold", "window", "group_by", "severity"})
    return frozenset({"threshold", "window", "severity"} if rule.kind == RuleKind.COUNT else {"severity"})


def _shown(rule: Rule) -> dict[str, Any]:
    names = ("name", "enabled", "severity", "operations", "results", "threshold", "window", "group_by")
    return {name: getattr(rule, name) for name in names}


def _checked(**given: Any) -> dict[str, Any]:
    """The fields, each in the form in which it is stored. Raises :class:`Invalid` naming the first that is wrong."""
    checks: dict[str, Callable[[Any], Any]] = {
        "name": clean_name,
        "operations": lambda value: operations_in(value, field="operations"),
        "results": lambda value: _each_of(value, [*Result], "results"),
        "threshold": lambda value: _within(value, THRESHOLDS, "threshold"),
        "window": lambda value: _within(value, WINDOWS, "window"),
        "group_by": lambda value: _each_of([value], GroupBy.values, "group_by")[0],
        "severity": clean_severity,
    }
    return {name: checks[name](value) for name, value in given.items() if value is not None}


def clean_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise Invalid("a name has 1 to 120 printable characters", field="name")
    return name


def clean_severity(severity: str, *, field: str = "severity") -> str:
    return _each_of([severity], Severity.values, field)[0]


def _each_of(given: Iterable[str], known: list[Any], field: str) -> list[str]:
    names = [str(one) for one in known]
    chosen = list(dict.fromkeys(str(one).strip() for one in given))
    for one in chosen:
        if one not in names:
            what = field.replace("_", " ")
            raise Invalid(f"{what} is one of {', '.join(names)}, not '{printable(one[:60])}'", field=field)
    return chosen


def _within(number: int, allowed: range, field: str) -> int:
    if number not in allowed:
        raise Invalid(f"the {field} lies between {allowed[0]} and {allowed[-1]}", field=field)
    return int(number)
