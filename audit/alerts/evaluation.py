"""Looking at what is new: sealed events by position, then the states of the platform.

Each step is one transaction that opens and counts up alerts and moves the cursor on. It happens as a whole or not at
all, and holds the cursor meanwhile: killed at any moment, or run twice at once, it counts every event exactly once.
Events are taken in the order of sealing, which has no gaps, so one that commits late is found when it is sealed and
counted at its own time. What Temps did not write is never sealed and can neither raise an alert nor hide one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q

from audit.alerts.conditions import CONDITIONS, Standing
from audit.alerts.counting import KEPT_EVENTS, Spell, spells
from audit.alerts.matching import COLUMNS, Groups, counted, from_new_networks, matches
from audit.alerts.models import Alert, AlertState, Cursor, Rule, RuleKind, Severity
from audit.alerts.telling import send_what_is_due, tell
from audit.masking import printable
from audit.models import Event, Tree
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor

log = structlog.get_logger(__name__)

BATCH = 1000
"""Events that one step looks at."""
SIGN_OF_LIFE = timedelta(minutes=1)
"""How far behind the ``last_at`` of a state that lasts may be, so that it is not written with every look."""


def evaluate(*, actor: Actor) -> None:
    """Look at everything that is new, resolve what has become quiet, and have it told."""
    require(actor, Permission.MONITORING_WRITE)
    while _step():
        pass
    for rule in Rule.objects.filter(kind=RuleKind.CONDITION):
        _look(rule)
    _resolve_quiet()
    tell()
    send_what_is_due()


def _step() -> bool:
    """Look at the next batch; whether there was one."""
    size = Tree.objects.values_list("size", flat=True).first() or 0
    seen = Cursor.objects.values_list("position", flat=True).first()
    if seen is not None and seen >= size:
        return False  # without taking a lock, as most times
    with transaction.atomic():
        cursor, _ = Cursor.objects.select_for_update().get_or_create(pk=Cursor.ONLY)
        end = min(size, cursor.position + BATCH)
        if cursor.position >= end:
            return False
        rows = Event.objects.filter(position__gte=cursor.position, position__lt=end).order_by("position")
        new = list(rows.only(*COLUMNS))
        for rule in Rule.objects.exclude(kind=RuleKind.CONDITION):
            _apply(rule, [event for event in new if matches(rule, event)])
        cursor.position = end
        cursor.save(update_fields=["position"])
    return True


def _apply(rule: Rule, new: list[Event]) -> None:
    if not new:
        return
    groups: Groups = {}
    if rule.kind == RuleKind.NETWORK:
        groups = from_new_networks(rule, new)  # learned also while the rule is off
    elif rule.enabled:
        groups = counted(rule, new)
    if not rule.enabled or not groups:
        return
    earliest = min(rows[0].at for rows in groups.values())
    newest: dict[str, Alert] = {}
    for alert in (
        Alert.objects.select_for_update()
        .filter(~Q(state=AlertState.RESOLVED) | Q(last_at__gte=earliest), rule=rule, group__in=_cut(groups))
        .order_by("id")
    ):
        newest[alert.group] = alert
    for group, rows in groups.items():
        known = newest.get(group[:300])
        found = spells(
            rows, threshold=rule.threshold, window=timedelta(seconds=rule.window), last=_spell(known) if known else None
        )
        if known is not None:
            _keep(known, found.pop(0))
        for spell in found:
            _keep(Alert(rule=rule, group=group[:300], title=rule.name, severity=rule.severity), spell)


def _cut(groups: Groups) -> list[str]:
    return [group[:300] for group in groups]


def _spell(alert: Alert) -> Spell:
    events = list(alert.details.get("events", []))
    return Spell(alert.first_at, alert.last_at, alert.count, events, ended=alert.state == AlertState.RESOLVED)


def _keep(alert: Alert, spell: Spell) -> None:
    if not spell.changed:
        return
    alert.first_at, alert.last_at, alert.count = spell.first_at, spell.last_at, spell.count
    alert.details = alert.details | {"events": spell.events[:KEPT_EVENTS]}
    if spell.ended and alert.state != AlertState.RESOLVED:
        alert.state, alert.resolved_at = AlertState.RESOLVED, clock.now()
    alert.save()


def _resolve_quiet() -> None:
    """Resolve the alerts over events whose last is longer ago than the rule's window."""
    now = clock.now()
    rules = Rule.objects.exclude(kind=RuleKind.CONDITION).exclude(alerts=None)
    for key, window in rules.values_list("pk", "window").distinct().order_by():
        quiet = Alert.objects.filter(rule=key, last_at__lt=now - timedelta(seconds=window))
        quiet.exclude(state=AlertState.RESOLVED).update(state=AlertState.RESOLVED, resolved_at=now)


def _look(rule: Rule) -> None:
    """Compare the alerts of a state with the state. One that cannot be read is logged, and nothing is concluded."""
    condition = CONDITIONS.get(rule.key or "")
    try:
        holds = {printable(one.group)[:300]: one for one in condition.look()} if condition and rule.enabled else {}
    except Exception as error:
        log.error("alerts.condition_failed", rule=rule.key, error=type(error).__name__)
        return
    unresolved = Alert.objects.filter(rule=rule).exclude(state=AlertState.RESOLVED)
    if not holds and not unresolved.exists():
        return
    with transaction.atomic():
        Rule.objects.select_for_update().get(pk=rule.pk)  # one at a time
        alerts = {alert.group: alert for alert in unresolved.select_for_update()}
        for group, standing in holds.items():
            _stands(rule, alerts.pop(group, None), group, standing)
        for alert in alerts.values():
            alert.state, alert.resolved_at = AlertState.RESOLVED, clock.now()
            alert.save(update_fields=["state", "resolved_at"])


def _stands(rule: Rule, alert: Alert | None, group: str, standing: Standing) -> None:
    """Open the alert, or keep it up to date; one that became graver is open again, and told again."""
    now = clock.now()
    severity = max(Severity(rule.severity), standing.severity, key=lambda one: one.rank)
    said: dict[str, Any] = {
        "title": printable(standing.title)[:300],
        "details": standing.details,
        "severity": severity.value,
    }
    if alert is None:
        Alert.objects.create(rule=rule, group=group, first_at=now, last_at=now, **said)
        return
    same = all(getattr(alert, name) == value for name, value in said.items())
    if same and now - alert.last_at < SIGN_OF_LIFE:
        return
    if severity.rank > Severity(alert.severity).rank:
        alert.state, alert.notified_at = AlertState.OPEN, None
    for name, value in said.items():
        setattr(alert, name, value)
    alert.last_at = now
    alert.save()
