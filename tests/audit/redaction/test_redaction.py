from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import time_machine
from django.db import DatabaseError, transaction

from audit import triggers
from audit.actions import Action
from audit.folding import WINDOW, close_folds
from audit.models import Event, Fold, LegalHold, RedactedEntry, Redaction
from audit.proof.canonical import PURPOSE, canonical
from audit.proof.errors import Contradiction
from audit.redaction import entries
from audit.redaction.services import redact_person
from audit.retention.services import place_hold, release_hold
from audit.services import is_ours
from rbac.step_up import StepUpRequired
from secrets_vault.sealing import authenticate
from temps.lib import clock
from temps.lib.actor import Actor, ActorKind, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, Unavailable
from tests.audit.proof.made import seal, verdict, write
from tests.audit.redaction.made import ADDRESS, AGENT, OLIVIA, OPERATOR, OTTO, a_life, at, happened, redact, sql
from tests.audit.tables import changed, everything, refuse_inserts
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-14", "L-04")]


def test_a_person_is_gone_and_the_log_is_whole() -> None:
    assert redact() == 8
    found = verdict()
    assert (found.whole, found.redacted, found.verified) == (True, 8, 5), found.problems
    assert found.redacted_at is not None


def test_what_they_did_stands_under_their_pseudonym() -> None:
    redact()
    event = at(2)
    assert (event.user_id, event.user_email) == (OLIVIA.id, OLIVIA.pseudonym)
    assert (event.ip_address, event.user_agent) == ("", "")
    assert event.description == "came from [erased]"
    assert event.metadata["seen"] == ["[erased]", "203.0.113.7"]


def test_what_others_did_keeps_everything_but_them() -> None:
    redact()
    event = at(4)
    assert (event.user_email, event.ip_address, event.user_agent) == (OTTO.email, ADDRESS, AGENT)
    assert event.description == f"wrote to {OLIVIA.pseudonym}."
    assert at(1).metadata["names"] == [OLIVIA.id, {OLIVIA.pseudonym: 1}]
    assert at(5).description == f"met {OLIVIA.pseudonym} and not not-{OLIVIA.email}"
    assert at(6).metadata["key"] == f"not{OLIVIA.email}"


def test_nothing_of_them_is_left_in_the_database_or_beside_it(data_dir: Path) -> None:
    for position in (5, 6):  # other people's addresses that merely end alike
        assert f"not{'-' if position == 5 else ''}{OLIVIA.email}" in at(position).description + str(
            at(position).metadata
        )
    redact()
    left = str(everything(data_dir)).replace(f"not-{OLIVIA.email}", "").replace(f"not{OLIVIA.email}", "")
    assert OLIVIA.email not in left.lower()
    assert OLIVIA.name.lower() not in left.lower()
    assert OLIVIA.pseudonym in left


def test_it_is_recorded_without_naming_anybody() -> None:
    redact()
    event = Event.objects.get(operation=Action.AUDIT_REDACT)
    assert (event.resource_id, event.description) == (OLIVIA.id, "redacted 8 entries for an erased person")
    assert event.metadata["count"] == 8


def test_a_second_time_there_is_nothing_to_do() -> None:
    redact()
    before = Event.objects.count(), Redaction.objects.count()
    assert redact() == 0
    assert (Event.objects.count(), Redaction.objects.count()) == before


def test_what_was_recorded_since_is_found_by_another_call() -> None:
    redact()
    happened(OPERATOR, f"mail to {OLIVIA.email} came back")
    assert redact() == 1
    assert verdict().redacted == 9


def test_addresses_and_names_they_had_before_are_gone_too() -> None:
    before = {"email": ["old@example.com", OLIVIA.email], "name": ["Olivia Before", OLIVIA.name]}
    with transaction.atomic():
        event = happened(OPERATOR, "renamed", ("user", OLIVIA.id))
    sql_changes(event, before)
    happened(OTTO.actor, "asked olivia before at OLD@example.com")
    redact()
    assert at(12).metadata["changes"] == {"email": [OLIVIA.pseudonym] * 2, "name": [OLIVIA.id] * 2}
    assert at(13).description == f"asked olivia before at {OLIVIA.pseudonym}"


def sql_changes(event: Event, changes: object) -> None:
    """As if auditlog had noticed these changes, before the event was sealed."""
    triggers.drop()
    event.metadata["changes"] = changes
    code = authenticate(canonical(event.as_entry()), purpose=PURPOSE)
    sql("UPDATE audit_event SET metadata = %s, code = %s WHERE id = %s", json.dumps(event.metadata), code, event.pk)
    triggers.install()


def test_two_people_in_one_entry() -> None:
    happened(OPERATOR, f"{OLIVIA.email} met {OTTO.email}")
    redact()
    redact(OTTO)
    assert at(12).description == f"{OLIVIA.pseudonym} met {OTTO.pseudonym}"
    assert verdict().whole
    assert RedactedEntry.objects.filter(position=12).count() == 2


def test_more_than_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.redaction.services.STATEMENT", 4)
    monkeypatch.setattr(entries, "CHUNK", 5)
    assert redact() == 8
    assert [row.entries.count() for row in Redaction.objects.all()] == [4, 4]
    assert verdict().whole


def test_sealing_goes_on() -> None:
    redact()
    write(2)
    assert seal() == 2
    assert verdict().whole


def test_what_is_rewritten_is_still_ours() -> None:
    redact()
    assert is_ours(at(2))


def test_repetitions_are_told_by_the_pseudonym() -> None:
    Fold.objects.update(count=3)
    redact()
    with time_machine.travel(clock.now() + 2 * WINDOW):
        close_folds()
    told = Event.objects.latest("id")
    assert told.description == f"sign-in refused for {OLIVIA.pseudonym} … 3 more times"
    assert told.user_email == OLIVIA.pseudonym


def test_somebody_who_erases_themselves_leaves_no_address(world: World) -> None:
    admin = world.admin
    assert redact_person(user_id=admin.public_id, email=admin.email, name="", actor=acting(admin))
    event = Event.objects.get(operation=Action.AUDIT_REDACT)
    assert (event.user_id, event.ip_address) == (admin.public_id, "")
    assert event.user_email == f"{admin.public_id}@erased.invalid"


HOLDS = [{}, {"user_email": OLIVIA.email}, {"project": "shop"}, {"user_email": OTTO.email}]


@pytest.mark.parametrize("hold", HOLDS)
def test_a_legal_hold_keeps_what_it_covers(hold: dict[str, str]) -> None:
    placed = place_hold("a lawsuit", **hold, actor=OPERATOR)
    with pytest.raises(Conflict, match="legal hold"):
        redact()
    assert at(2).user_email == OLIVIA.email
    release_hold(placed.public_id, actor=OPERATOR)
    assert redact()


def test_a_hold_holds_also_when_its_row_was_changed() -> None:
    hold = place_hold("a lawsuit", user_email=OLIVIA.email, actor=OPERATOR)
    LegalHold.objects.filter(pk=hold.pk).update(released_at=clock.now())
    with pytest.raises(Conflict, match="legal hold"):
        redact()


def test_a_hold_on_somebody_else_hinders_nothing() -> None:
    place_hold("a lawsuit", project="blog", actor=OPERATOR)
    place_hold("a lawsuit", user_email="nobody@example.com", actor=OPERATOR)
    assert redact()
    assert verdict().whole


def test_a_log_that_does_not_verify_is_left_as_it_is() -> None:
    triggers.drop()
    sql("UPDATE audit_event SET description = 'forged' WHERE position = 0")
    with pytest.raises(Contradiction, match="does not verify"):
        redact()
    assert not Redaction.objects.exists()


@pytest.mark.parametrize("kind", [CredentialKind.SESSION, CredentialKind.JWT])
def test_it_asks_who_is_there(world: World, kind: CredentialKind) -> None:
    with pytest.raises(StepUpRequired):
        redact(actor=replace(acting(world.admin, Credential(kind)), confirmed_at=None))


def test_whoever_may_not_delete_accounts_may_not_redact(world: World) -> None:
    for actor in (acting(world.owner), Actor(ActorKind.ANONYMOUS), acting(world.developer)):
        with pytest.raises(Denied):
            redact(actor=actor)


@pytest.mark.parametrize("given", [{"user_id": "operator"}, {"email": ""}, {"email": "nobody"}])
def test_what_names_nobody_is_refused(given: dict[str, str]) -> None:
    who = {"user_id": OLIVIA.id, "email": OLIVIA.email, "name": OLIVIA.name} | given
    with pytest.raises(Invalid):
        redact_person(**who, actor=OPERATOR)


@pytest.mark.parametrize("table", ["audit_event", "audit_redaction", "audit_redactedentry"])
def test_without_a_record_nothing_is_changed(data_dir: Path, table: str) -> None:
    before = everything(data_dir)
    refuse_inserts(table)
    with pytest.raises((DatabaseError, Unavailable)):
        redact_person(user_id=OLIVIA.id, email=OLIVIA.email, name=OLIVIA.name, actor=OPERATOR)
    assert changed(before, everything(data_dir)) == []


def test_what_was_not_recorded_yet_is_a_slip() -> None:
    LegalHold.objects.create(reason="unrecorded")
    with pytest.raises(RuntimeError, match="belongs in an event"):
        redact()


def test_an_empty_log_has_nothing_to_redact() -> None:
    a_life(OTTO)
    someone = redact_person(user_id="usr_" + "a" * 20, email="none@example.com", name="None At All", actor=OPERATOR)
    assert someone == 0
