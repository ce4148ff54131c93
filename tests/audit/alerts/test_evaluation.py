"""From events to alerts: each counted once, grouped, told once, resolved by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import folding
from audit.alerts import evaluation
from audit.alerts.models import Alert, AlertState, Cursor, Rule
from audit.alerts.services import acknowledge, create_rule, update_rule
from audit.alerts.shipped import install
from audit.models import Event
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Denied
from tests.audit.alerts.made import SYSTEM, alerts, happened, look
from tests.audit.proof.made import seal
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-09")]
BY_ADDRESS, BY_ACCOUNT = "failed_sign_ins_by_address", "failed_sign_ins_by_account"


@pytest.mark.promise("L-01")
def test_real_failed_sign_ins_make_one_alert_with_their_number(world: World, client: Client, later: Any) -> None:
    for _attempt in range(5):
        client.post("/accounts/login/", {"login": world.owner.email, "password": "wrong"})
    later.shift(61)
    folding.close_folds()
    look()
    look()
    (alert,) = alerts(BY_ACCOUNT)
    assert (alert.group, alert.count, alert.state) == (world.owner.email, 5, AlertState.OPEN)
    assert alerts(BY_ADDRESS) == []


def test_what_goes_on_raises_the_count_of_the_same_alert(later: Any) -> None:
    happened(5)
    look()
    later.shift(300)
    happened(3)
    look()
    (alert,) = alerts(BY_ACCOUNT)
    assert (alert.count, alert.last_at) == (8, clock.now())


def test_an_alert_that_is_quiet_for_its_window_resolves_and_a_new_one_may_follow(later: Any) -> None:
    happened(5)
    look()
    later.shift(601)
    look()
    assert alerts(BY_ACCOUNT)[0].state == AlertState.RESOLVED
    happened(5)
    look()
    assert [alert.state for alert in alerts(BY_ACCOUNT)] == [AlertState.RESOLVED, AlertState.OPEN]


def test_groups_are_counted_apart_and_ipv6_by_its_64() -> None:
    for number in range(10):
        happened(user_email=f"{number}@example.com", ip_address=f"2001:db8::{number}")
        happened(user_email=f"{number}@example.org", ip_address=f"192.0.2.{number}")
    look()
    assert [(alert.group, alert.count) for alert in alerts()] == [("2001:db8::/64", 10)]


def test_one_that_is_sealed_late_counts_at_its_own_time(later: Any) -> None:
    happened(2, ago=500)
    happened(2, ago=60)
    look()
    happened(1, ago=300)
    look()
    (alert,) = alerts(BY_ACCOUNT)
    assert (alert.count, clock.now() - alert.first_at) == (5, timedelta(seconds=500))


def test_an_outage_of_hours_is_caught_up_with_as_it_happened() -> None:
    happened(5, ago=7200)
    happened(6, ago=3600)
    happened(4, ago=5)
    look()
    assert [(alert.count, alert.state) for alert in alerts(BY_ACCOUNT)] == [(5, "resolved"), (6, "resolved")]


def test_denials_are_counted_by_user(world: World, api: Callable[..., Any], later: Any) -> None:
    for number in range(21):
        api(world.viewer).patch("/api/v1/projects/shop/", {"name": f"{number}"}, format="json")
    later.shift(61)
    folding.close_folds()
    look()
    (alert,) = alerts("denials_by_user")
    assert (alert.group, alert.count) == (world.viewer.email, 21)


def test_an_ordinary_event_with_a_count_in_it_weighs_one() -> None:
    happened(4, metadata={"count": 1000})
    look()
    assert alerts() == []


def test_a_rule_of_one_s_own_and_one_that_is_off(world: World) -> None:
    create_rule("Deleted", operations=["PROJECT_DELETE"], group_by="project", actor=world.operator)
    update_rule(Rule.objects.get(key=BY_ACCOUNT), enabled=False, actor=world.operator)
    happened(operation="PROJECT_DELETE", result="success", project="shop")
    happened(9)
    look()
    assert [(alert.title, alert.group) for alert in alerts()] == [("Deleted", "shop")]


def test_what_somebody_else_put_into_the_table_alarms_by_being_there_alone() -> None:
    happened()
    look()
    forged = [Event(**{**FORGED, "timestamp": clock.now()}) for _ in range(20)]
    Event.objects.bulk_create(forged)
    look()
    assert {alert.rule.key for alert in alerts()} == {"foreign_events"}


FORGED = {"operation": "USER_SIGN_IN", "result": "failure", "user_email": "x@example.com", "actor_kind": "anonymous"}


def test_a_crash_before_the_cursor_moves_neither_loses_nor_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    happened(5)
    seal()
    with monkeypatch.context() as patched:
        patched.setattr(Cursor, "save", _dies)
        with pytest.raises(KeyboardInterrupt):
            evaluation.evaluate(actor=SYSTEM)
    assert alerts() == []
    look()
    assert [alert.count for alert in alerts()] == [5]


def _dies(*_args: Any, **_options: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_at_once_count_once() -> None:
    happened(40)
    seal()
    threads = [threading.Thread(target=_evaluate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(alert.count for alert in alerts()) == [40, 40]


def _evaluate() -> None:
    try:
        evaluation.evaluate(actor=SYSTEM)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_late_is_found() -> None:
    happened(4)
    look()
    with transaction.atomic():
        happened(1)
        transaction.set_rollback(True)
    happened(1)
    look()
    assert [alert.count for alert in alerts()] == [5]


def test_the_number_of_queries_does_not_grow_with_the_events() -> None:
    def queries(count: int) -> int:
        happened(count)
        seal()
        with CaptureQueriesContext(connection) as captured:
            evaluation.evaluate(actor=SYSTEM)
        return len(captured)

    queries(20)
    assert queries(200) == queries(20)


def test_it_begins_with_the_log_as_it_is_and_leaves_changes_alone(world: World) -> None:
    rule = update_rule(Rule.objects.get(key=BY_ACCOUNT), enabled=False, threshold=7, actor=world.operator)
    happened(9)
    size = seal()
    Cursor.objects.all().delete()
    Rule.objects.filter(key=BY_ADDRESS).delete()
    install()
    rule.refresh_from_db()
    assert (rule.enabled, rule.threshold, Cursor.objects.get().position >= size) == (False, 7, True)
    assert Rule.objects.filter(key=BY_ADDRESS).exists()


def test_an_acknowledged_alert_counts_on_and_resolves(world: World, later: Any) -> None:
    happened(5)
    look()
    acknowledge(alerts()[0], actor=world.operator)
    happened(1)
    look()
    (alert,) = alerts()
    assert (alert.state, alert.count, alert.acknowledged_by) == ("acknowledged", 6, world.operator.label)
    later.shift(601)
    look()
    assert alerts()[0].state == AlertState.RESOLVED


def test_evaluating_needs_its_permission() -> None:
    with pytest.raises(Denied):
        evaluation.evaluate(actor=Actor.system("audit.export"))
    assert Alert.objects.count() == 0
