"""Looking at the states of the platform, then at what is new: sealed events by position.

Each step is one transaction that opens and counts up alerts and moves the cursor on. It happens as a whole or not at
all, and holds the cursor meanwhile: killed at any moment, or run twice at once, it counts every event exactly once.
Events are taken in the order of sealing, which has no gaps, so one that commits late is found when it is sealed and
counted at its own time. What Temps did not write is never sealed and can neither raise an alert nor hide one.

Whoever can write to the database can put a row there that no code expects. The states, which tell of that, come first;
each rule and each event is taken by itself, so that one that makes no sense is logged and passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from audit.alerts.conditions import CONDITIONS, Standing
from audit.alerts.counting import KEPT_EVENTS, Spell, spells
from audit.alerts.matching import Groups, counted, from_new_networks, is_sound, matches
from audit.alerts.models import Alert, AlertState, Cursor, Rule, RuleKind, Severity
from audit.alerts.readable import readable
from audit.alerts.states import CHANGED, FOREIGN, changed, positions_in
from audit.alerts.telling import send_what_is_due, tell
from audit.alerts.unread import Found, signed_log, unread
from audit.masking import printable
from audit.models import Event
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
    for rule in Rule.objects.filter(kind=RuleKind.CONDITION).defer("created_at", "operations", "results"):
        with _alone(rule):
            _look(rule)
    try:
        while _step():
            pass
    finally:
        _resolve_quiet()
        tell()
        send_what_is_due()


@contextmanager
def _alone(rule: Rule) -> Iterator[None]:
    """Log what fails over the rows of one rule, and go on with the others.

    A database that fails is another matter: what it did not do now is done with the next look.
    """
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.error("alerts.rule_failed", rule=rule.public_id, error=type(error).__name__)


def _step() -> bool:
    """Look at the next batch; whether there was one."""
    signed = signed_log()
    if signed is None:
        return False
    if Cursor.objects.filter(position=signed.size).exists():
        return False  # without taking a lock, as most times
    with transaction.atomic():
        cursor, _ = Cursor.objects.select_for_update().get_or_create(pk=Cursor.ONLY)
        signed = signed_log()  # it may have grown while another held the cursor
        if signed is None:
            return False
        end = min(signed.size, cursor.position + BATCH)
        if cursor.position < end:
            _look_at(unread(signed, cursor.position, end))
        moved, cursor.position = cursor.position != end, end
        cursor.save(update_fields=["position"])
    return moved


def _look_at(found: Found) -> None:
    for rule in readable(Rule.objects.exclude(kind=RuleKind.CONDITION).defer("created_at")):
        if is_sound(rule):
            with _alone(rule), transaction.atomic():
                _apply(rule, [event for event in found.events if matches(rule, event)])
    if found.changed:
        log.error("alerts.changed_after_sealing", positions=found.changed[:KEPT_EVENTS])
        _tell_of(found.changed)


def _tell_of(positions: list[int]) -> None:
    """Add to the alert about entries that are not what was sealed; it lasts as long as that is so."""
    for rule in Rule.objects.select_for_update().filter(key=FOREIGN, enabled=True).defer("created_at"):
        with _alone(rule), transaction.atomic():
            unresolved = Alert.objects.select_for_update().filter(rule=rule, group=CHANGED)
            alert = unresolved.exclude(state=AlertState.RESOLVED).first()
            known = positions_in(alert.details) if alert is not None else []
            _stands(rule, alert, CHANGED, changed({*known, *positions}))


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
    return Spell(alert.first_at, alert.last_at, alert.count, alert.events, ended=alert.state == AlertState.RESOLVED)


def _keep(alert: Alert, spell: Spell) -> None:
    if not spell.changed:
        return
    alert.first_at, alert.last_at, alert.count = spell.first_at, spell.last_at, spell.count
    alert.details = {"events": spell.events[:KEPT_EVENTS]}
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
