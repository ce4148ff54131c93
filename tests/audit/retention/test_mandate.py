"""Someone with the database alone has evidence removed by the worker, which would sign for it.

Each test changes what the removal goes by. Nothing may be removed then, and nothing signed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection

from audit.actions import Action
from audit.models import Event, LegalHold, RetentionPolicy, Retirement
from audit.proof.errors import Contradiction
from audit.proof.verdict import Verdict
from audit.retention import services
from audit.retention.services import place_hold, release_hold, retire_due, set_retention
from temps.lib import clock
from tests.audit.proof.made import seal, verdict
from tests.audit.retention.made import OPERATOR, SYSTEM, left, write
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-08"), pytest.mark.promise("L-04")]


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def refused(reason: str) -> None:
    """The removal stops for ``reason`` and leaves everything."""
    before = Event.objects.filter(operation=Action.PROJECT_UPDATE).count()
    with pytest.raises(Contradiction, match=reason):
        retire_due(actor=SYSTEM)
    assert Event.objects.filter(operation=Action.PROJECT_UPDATE).count() == before
    assert not Retirement.objects.exists()


def test_an_entry_that_was_made_older() -> None:
    set_retention(90, actor=OPERATOR)
    sql("UPDATE audit_event SET timestamp = %s WHERE position = 23", clock.now() - timedelta(days=99))
    refused("does not verify.* 23 ")


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """``change`` happens once the log was looked at, and before anything is removed."""
    real = services._whole_log

    def look() -> Verdict:
        verdict = real()
        change()
        return verdict

    monkeypatch.setattr(services, "_whole_log", look)


def test_an_entry_that_is_made_older_once_the_log_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    set_retention(90, actor=OPERATOR)
    older = clock.now() - timedelta(days=99)
    meanwhile(monkeypatch, lambda: sql("UPDATE audit_event SET timestamp = %s WHERE position = 23", older))
    refused("entry 23 .* is not what was sealed")


def test_a_hold_that_is_hidden_once_the_log_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    place_hold("an inquiry", project="shop", actor=OPERATOR)
    set_retention(90, actor=OPERATOR)

    def hide() -> None:
        sql("DELETE FROM audit_event WHERE operation = 'LEGAL_HOLD_CREATE'")
        LegalHold.objects.all().delete()

    meanwhile(monkeypatch, hide)
    assert retire_due(actor=SYSTEM) == 10
    assert Event.objects.filter(project="shop", position__lt=20).count() == 10


def test_what_was_sealed_since_the_log_was_looked_at_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    set_retention(90, actor=OPERATOR)

    def hold_and_lift() -> None:
        place_hold("an inquiry", project="shop", actor=OPERATOR)
        seal()
        LegalHold.objects.all().delete()

    meanwhile(monkeypatch, hold_and_lift)
    assert retire_due(actor=SYSTEM) == 10


def test_what_was_sealed_since_and_is_gone_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    set_retention(90, actor=OPERATOR)

    def hold_and_hide() -> None:
        place_hold("an inquiry", project="shop", actor=OPERATOR)
        seal()
        LegalHold.objects.all().delete()
        sql("DELETE FROM audit_event WHERE operation = 'LEGAL_HOLD_CREATE'")

    meanwhile(monkeypatch, hold_and_hide)
    refused("newest entries are not those")


def test_a_policy_that_nobody_set() -> None:
    RetentionPolicy.objects.update_or_create(pk=1, defaults={"days": 90})
    refused("policy is not the one that was recorded")


def test_a_policy_that_was_made_stricter() -> None:
    set_retention(400, actor=OPERATOR)
    RetentionPolicy.objects.update(days=30)
    refused("policy is not the one that was recorded")


def test_a_policy_that_was_withdrawn_and_put_back() -> None:
    set_retention(90, actor=OPERATOR)
    set_retention(None, actor=OPERATOR)
    RetentionPolicy.objects.update(days=90)
    refused("policy is not the one that was recorded")


def test_a_policy_whose_withdrawal_was_taken_out_of_the_log() -> None:
    set_retention(90, actor=OPERATOR)
    set_retention(None, actor=OPERATOR)
    seal()
    RetentionPolicy.objects.update(days=90)
    sql("DELETE FROM audit_event WHERE position = %s", max(Event.objects.values_list("position", flat=True)))
    refused("does not verify")


HOLDS: dict[str, dict[str, str]] = {"of all": {}, "of a project": {"project": "shop"}}


@pytest.mark.parametrize("about", HOLDS.values(), ids=HOLDS)
@pytest.mark.parametrize(
    "lift",
    [
        lambda: LegalHold.objects.all().delete(),
        lambda: LegalHold.objects.update(released_at=clock.now(), released_by="operator"),
        lambda: LegalHold.objects.update(project="other"),
        lambda: LegalHold.objects.update(user_email="other@example.com"),
    ],
    ids=["deleted", "released", "about another project", "about another person"],
)
def test_a_hold_that_nobody_released_holds(lift: Callable[[], object], about: dict[str, str]) -> None:
    place_hold("an inquiry", **about, actor=OPERATOR)
    set_retention(90, actor=OPERATOR)
    lift()
    assert retire_due(actor=SYSTEM) == (10 if about else 0)
    assert Event.objects.filter(project="shop", position__lt=20).count() == 10


def test_a_hold_on_a_person_whose_row_is_gone(world: World) -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        write(3, actor=acting(world.owner))
    place_hold("an inquiry", user_email=world.owner.email, actor=OPERATOR)
    set_retention(90, actor=OPERATOR)
    LegalHold.objects.all().delete()
    assert retire_due(actor=SYSTEM) == 20
    assert Event.objects.filter(user_email=world.owner.email, operation=Action.PROJECT_UPDATE).count() == 3


def test_what_says_what_may_be_removed_is_never_removed() -> None:
    with time_machine.travel(clock.now() - timedelta(days=100)):
        set_retention(90, actor=OPERATOR)
        hold = place_hold("an inquiry", actor=OPERATOR)
        release_hold(hold.public_id, actor=OPERATOR)
    assert retire_due(actor=SYSTEM) == 20
    with time_machine.travel(clock.now() + timedelta(days=100)):
        assert retire_due(actor=SYSTEM) == 5
        seal()
        kept = Event.objects.order_by("position").values_list("operation", flat=True)
        assert list(kept) == [
            *("RETENTION_UPDATE", "LEGAL_HOLD_CREATE", "LEGAL_HOLD_RELEASE"),
            *("AUDIT_RETIRE", "AUDIT_RETIRE"),
        ]
        assert (verdict().whole, verdict().retired, left()) == (True, 25, [])
