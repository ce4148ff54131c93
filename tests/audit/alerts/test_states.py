"""Alerts that last as long as what they are about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.alerts import conditions
from audit.alerts.conditions import Standing, register
from audit.alerts.evaluation import evaluate
from audit.alerts.models import AlertState, Rule, Severity
from audit.alerts.services import acknowledge, update_rule
from audit.alerts.shipped import install
from audit.models import Tree
from audit.sinks.services import create_sink
from certificates.models import Certificate, Domain, Tls
from certificates.services import add_domain
from temps.lib import clock
from temps.lib.actor import Actor
from tests.audit.alerts.made import SYSTEM, alerts, happened, look
from tests.audit.proof.made import seal
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-09")]


def states() -> list[tuple[str, str]]:
    evaluate(actor=SYSTEM)
    return [(alert.group, alert.state) for alert in alerts()]


def expiring(days: float, name: str = "shop.example.com") -> Domain:
    domain = add_domain(name, tls=Tls.MANUAL, actor=Actor.operator())
    long_ago, end = datetime(2020, 1, 1, tzinfo=UTC), clock.now() + timedelta(days=days)
    domain.current_certificate = Certificate.objects.create(
        domain=domain,
        version=1,
        source="upload",
        names=[name],
        not_before=long_ago,
        not_after=end,
        renew_at=end,
        private_key=b"",
    )
    domain.save(update_fields=["current_certificate"])
    return domain


@pytest.mark.promise("C-10")
def test_a_certificate_that_expires_alarms_and_a_new_one_resolves_it() -> None:
    domain = expiring(13)
    expiring(20, "later.example.com")
    assert states() == [("shop.example.com", "open")]
    Certificate.objects.filter(domain=domain).update(not_after=clock.now() + timedelta(days=90))
    assert states() == [("shop.example.com", "resolved")]


@pytest.mark.promise("C-10")
def test_an_acknowledged_one_that_becomes_graver_is_open_again(world: World, later: Any) -> None:
    expiring(13)
    evaluate(actor=SYSTEM)
    acknowledge(alerts()[0], actor=world.operator)
    later.shift(timedelta(days=11))
    evaluate(actor=SYSTEM)
    (alert,) = alerts("certificate_expiry")
    assert (alert.severity, alert.state) == (Severity.CRITICAL, AlertState.OPEN)


@pytest.mark.promise("C-10")
def test_a_renewal_that_failed_alarms_until_one_succeeds() -> None:
    domain = add_domain("shop.example.com", tls=Tls.MANUAL, actor=Actor.operator())
    Domain.objects.filter(pk=domain.pk).update(last_error="the issuer refused")
    assert states() == [("shop.example.com", "open")]
    Domain.objects.filter(pk=domain.pk).update(last_error="")
    assert states() == [("shop.example.com", "resolved")]


def test_entries_that_nobody_seals_alarm(later: Any) -> None:
    happened()
    assert states() == []
    later.shift(61)
    assert states() == [("", "open")]
    seal()
    assert states() == [("", "resolved")]


def test_sealing_that_fails_says_why(later: Any) -> None:
    happened()
    seal()
    Tree.objects.update(failure="the database is older than its checkpoint file", failed_at=clock.now())
    evaluate(actor=SYSTEM)
    (alert,) = alerts("sealing_failure")
    assert (alert.severity, "older than its checkpoint" in alert.title) == (Severity.CRITICAL, True)


def test_a_dead_sink_alarms(world: World) -> None:
    sink, _secret = create_sink("siem", "webhook", url="https://siem.example.com/", actor=world.operator)
    type(sink).objects.update(failing_since=clock.now() - timedelta(hours=1), last_error="no answer in time")
    look()
    assert [(alert.group, alert.rule.key) for alert in alerts()] == [("siem", "dead_sink")]


def test_a_rule_that_is_switched_off_resolves_what_it_found(world: World) -> None:
    expiring(1)
    evaluate(actor=SYSTEM)
    update_rule(Rule.objects.get(key="certificate_expiry"), enabled=False, actor=world.operator)
    assert states() == [("shop.example.com", "resolved")]


def test_a_condition_that_cannot_be_read_concludes_nothing_and_stops_nobody() -> None:
    found = [Standing("a\nb", "Broken", Severity.WARNING)]
    register("test_condition", "Test", lambda: found)
    try:
        install()
        assert states() == [("a b", "open")]
        found.append(None)  # type: ignore[arg-type]
        happened(5)
        look()
        assert [alert.state for alert in alerts()] == ["open", "open"]
    finally:
        del conditions.CONDITIONS["test_condition"]


def test_a_key_is_registered_once() -> None:
    with pytest.raises(ValueError, match="already"):
        register("certificate_expiry", "Another", list)
