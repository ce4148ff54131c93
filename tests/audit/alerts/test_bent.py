"""Somebody who can write to the database wants alerts to look away: one row must not blind them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from audit.alerts import channels
from audit.alerts.evaluation import evaluate
from audit.alerts.models import Alert, Cursor, Message, Rule
from audit.alerts.services import create_rule
from audit.models import Checkpoint, Tree
from temps.lib import clock
from tests.audit.alerts.made import SYSTEM, alerts, happened, look
from tests.audit.proof.made import seal
from tests.audit.tampering import put_in, sql
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04", "L-09")]
DEEP = '{"a": ' + "[" * 900 + "]" * 900 + "}"
BY_ACCOUNT, FOREIGN, SEALING = "failed_sign_ins_by_account", "foreign_events", "sealing_failure"


def alter(column: str, value: object, position: int) -> None:
    sql(f"UPDATE audit_event SET {column} = %s WHERE position = %s", value, position)  # noqa: S608


def found(key: str) -> list[tuple[str, str]]:
    return [(alert.group, alert.state) for alert in alerts(key)]


@pytest.mark.parametrize(("column", "value"), [("metadata", "[]"), ("metadata", DEEP), ("timestamp", "infinity")])
def test_a_sealed_row_that_cannot_be_read_is_passed_over_and_told_of(column: str, value: str) -> None:
    happened(6)
    seal()
    bad = Tree.objects.get().size - 1
    alter(column, value, bad)
    look()
    assert [alert.count for alert in alerts(BY_ACCOUNT)] == [5]
    (alert,) = alerts(FOREIGN)
    assert (alert.group, alert.details, alert.state) == ("sealed entries", {"positions": [bad]}, "open")


def test_an_entry_that_was_changed_to_look_harmless_alarms_as_long_as_it_is(later: Any) -> None:
    happened(1)
    seal()
    bad = Tree.objects.get().size - 1
    alter("result", "success", bad)
    look()
    later.shift(timedelta(hours=1))
    look()
    assert found(FOREIGN) == [("sealed entries", "open")]
    alter("result", "failure", bad)
    look()
    assert found(FOREIGN) == [("sealed entries", "resolved")]


def test_more_of_the_same_joins_the_alert(world: World) -> None:
    for _ in range(2):
        happened(1)
        seal()
        alter("description", "altered", Tree.objects.get().size - 1)
        look()
    (alert,) = alerts(FOREIGN)
    assert len(alert.details["positions"]) == 2


def test_an_older_row_in_the_window_that_was_bent_stops_no_counting() -> None:
    happened(3)
    look()
    alter("metadata", "[]", Tree.objects.get().size - 1)
    happened(3)
    look()
    assert [alert.count for alert in alerts(BY_ACCOUNT)] == [6]


@pytest.mark.parametrize("operations", ["5", '"USER_SIGN_IN"', "[5]", "{}", "null", "[" * 900 + "]" * 900])
def test_a_rule_that_makes_no_sense_stops_no_other_and_is_told_of(world: World, operations: str) -> None:
    rule = create_rule("Mine", operations=[], results=["failure"], threshold=1, window=60, actor=world.operator)
    sql("UPDATE audit_alerts_rule SET operations = %s WHERE id = %s", operations, rule.pk)
    happened(5)
    put_in(description="forged")
    look()
    assert found(BY_ACCOUNT) == [("owner@example.com", "open")]
    assert found(FOREIGN) == [("", "open"), (f"rule {rule.public_id}", "open")]


def test_a_place_beyond_the_log_alarms_and_is_set_back(world: World) -> None:
    look()
    Cursor.objects.update(position=9 * 10**18)
    look()
    size = Tree.objects.get().size
    assert (found(FOREIGN), Cursor.objects.get().position) == ([("cursor", "open")], size)
    happened(5)
    look()
    assert found(BY_ACCOUNT) == [("owner@example.com", "open")]


def test_a_size_that_nobody_signed_does_not_lead_beyond_the_log() -> None:
    happened()
    look()
    size = Tree.objects.get().size
    Tree.objects.update(size=10**15)
    evaluate(actor=SYSTEM)
    assert Cursor.objects.get().position == size


def test_states_are_looked_at_even_if_the_events_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object) -> None:
        raise RuntimeError

    happened()
    put_in(description="forged")
    seal()
    monkeypatch.setattr("audit.alerts.evaluation._step", fail)
    with pytest.raises(RuntimeError):
        evaluate(actor=SYSTEM)
    assert found(FOREIGN) == [("", "open")]


def test_a_time_that_stands_beside_the_checkpoint_does_not_silence_sealing(later: Any) -> None:
    happened()
    seal()
    Checkpoint.objects.update(created_at=datetime(2999, 1, 1, tzinfo=UTC))
    happened()
    later.shift(61)
    evaluate(actor=SYSTEM)
    assert found(SEALING) == [("", "open")]


def test_a_checkpoint_that_nobody_signed_is_a_failure_of_sealing() -> None:
    happened()
    seal()
    Checkpoint.objects.create(size=10**12, note="temps-audit\n1000000000000\nAAAA\n", created_at=clock.now())
    evaluate(actor=SYSTEM)
    (alert,) = alerts(SEALING)
    assert "none that a key of this log signed" in alert.title


@pytest.mark.parametrize("details", ["[]", '{"positions": 5}', '{"positions": [true, "x", {}]}'])
def test_details_that_somebody_wrote_into_the_alert_harm_nothing(details: str) -> None:
    happened(1)
    seal()
    alter("description", "altered", Tree.objects.get().size - 1)
    look()
    sql("UPDATE audit_alerts_alert SET details = %s", details)
    put_in(description="forged")
    look()
    assert ("", "open") in found(FOREIGN)


def test_an_alert_that_cannot_be_read_keeps_no_other_from_being_told(world: World) -> None:
    happened(5)
    look()
    rule = Rule.objects.get(key=BY_ACCOUNT)
    now = clock.now()
    deep = Alert.objects.create(rule=rule, group="x", title="x", severity="info", first_at=now, last_at=now)
    sql("UPDATE audit_alerts_alert SET details = %s WHERE id = %s", "[" * 900 + "]" * 900, deep.pk)
    if connection.vendor == "postgresql":
        sql("UPDATE audit_alerts_alert SET resolved_at = 'infinity' WHERE id = %s", deep.pk)
    channels.add_webhook("ops", "https://siem.example.com/", actor=world.operator)
    evaluate(actor=SYSTEM)
    assert "owner@example.com" in json.dumps(Message.objects.get().alerts)
