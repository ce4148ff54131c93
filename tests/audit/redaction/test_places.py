"""What was made of entries, and who made what, without the person who was erased."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from rest_framework.test import APIClient

from accounts.models import User
from audit.alerts.evaluation import evaluate
from audit.alerts.models import Alert, AlertState, Channel, Cursor, KnownNetwork, Message, Rule
from audit.console.seal_state import state_of
from audit.exporting.exports import continue_exports
from audit.models import Export, ExportState, Tree
from audit.proof.canonical import canonical
from audit.proof.keys import verifiers
from audit.proof.merkle import leaf_hash, verify_inclusion
from audit.proof.notes import RedactionText
from audit.proof.redactions import covered
from audit.redaction.services import redact_person
from audit.retention.services import place_hold, release_hold
from audit.sinks.batches import Entries, next_batch
from audit.sinks.models import Kind, Sends, Sink
from projects.services import create_project
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict
from tests.audit.exporting.made import exported
from tests.audit.proof.made import seal
from tests.audit.redaction.made import OLIVIA, OPERATOR, OTTO, at, happened, redact
from tests.audit.tables import everything
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-14")]
ALERTS = Actor.system("audit.alerts")


def alert(group: str = OLIVIA.email, **given: Any) -> Alert:
    now = clock.now()
    rule = Rule.objects.get(key="failed_sign_ins_by_account")
    return Alert.objects.create(
        rule=rule, group=group, title="Failed sign-ins", severity="warning", first_at=now, last_at=now, **given
    )


def test_alerts_are_about_the_pseudonym() -> None:
    group = f"{OLIVIA.email} ({OLIVIA.id}) from 203.0.113.0"
    one = alert(group, acknowledged_by=OLIVIA.email, details={"who": [OLIVIA.email]})
    redact()
    one.refresh_from_db()
    assert (one.group, one.acknowledged_by) == (OLIVIA.pseudonym, OLIVIA.pseudonym)
    assert one.details == {"who": [OLIVIA.pseudonym]}
    assert one.state == AlertState.OPEN


def test_two_open_alerts_about_one_person_become_one() -> None:
    happened(OLIVIA.actor, "more")
    alert(OLIVIA.email)
    alert(OLIVIA.email.upper())
    redact()
    assert [one.state for one in Alert.objects.order_by("id")] == [AlertState.RESOLVED, AlertState.OPEN]


def test_messages_that_wait_name_the_pseudonym() -> None:
    channel = Channel.objects.create(name="siem", kind="webhook", address="siem.example.com", created_by=OLIVIA.email)
    happened(OPERATOR, "added a channel")
    Message.objects.create(channel=channel, alerts=[{"group": OLIVIA.email, "count": 3}])
    redact()
    assert Message.objects.get().alerts == [{"group": OLIVIA.pseudonym, "count": 3}]
    assert Channel.objects.get().created_by == OLIVIA.pseudonym


def test_the_networks_that_they_came_from_are_forgotten() -> None:
    for subject in (OLIVIA.id, OTTO.id):
        KnownNetwork.objects.create(subject=subject, network="203.0.113.0/24", first_at=clock.now())
    redact()
    assert [one.subject for one in KnownNetwork.objects.all()] == [OTTO.id]


def test_what_sends_mail_to_them_is_to_be_changed_first() -> None:
    channel = Channel.objects.create(name="on-call", kind="mail", address=OLIVIA.email)
    happened(OPERATOR, "added a channel")
    with pytest.raises(Conflict, match=channel.public_id):
        redact()
    channel.delete()
    to = f"a@example.com,{OLIVIA.email}"
    sink = Sink.objects.create(name="proof", kind=Kind.MAIL, sends=Sends.CHECKPOINTS, recipients=to)
    happened(OPERATOR, "added a sink in place of a channel")
    with pytest.raises(Conflict, match="the sink proof"):
        redact()
    assert at(2).user_email == OLIVIA.email
    sink.delete()
    happened(OPERATOR, "removed the sink")
    assert redact() == 11  # with what was recorded of channel and sink


def test_a_hold_that_was_released_names_the_pseudonym(data_dir: Path) -> None:
    hold = place_hold(f"a lawsuit of {OLIVIA.name}", user_email=OLIVIA.email, actor=OPERATOR)
    release_hold(hold.public_id, actor=OPERATOR)
    redact()
    hold.refresh_from_db()
    assert (hold.user_email, hold.reason) == (OLIVIA.pseudonym, f"a lawsuit of {OLIVIA.id}")


def test_what_auditlog_noticed_is_rid_of_them(world: World) -> None:
    create_project("For Olivia", actor=acting(world.admin))
    user = world.owner
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(User),
        object_pk=user.public_id,
        object_repr=user.email,
        action=1,
        changes={"email": [OLIVIA.email, user.email], "name": [None, "Olivia Maria Person"]},
        remote_addr="203.0.113.77",
    )
    redact()
    row = LogEntry.objects.latest("pk")
    assert row.changes == {"email": [OLIVIA.pseudonym, user.email], "name": [None, "Olivia Maria Person"]}


def test_of_their_own_changes_names_go_too(world: World) -> None:
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(User),
        object_pk=OLIVIA.id,
        object_repr=OLIVIA.email,
        action=1,
        changes={"name": [None, "Olivia Maria Person"]},
    )
    redact()
    assert LogEntry.objects.latest("pk").changes == {"name": [None, OLIVIA.id]}


def test_everything_of_a_member_of_the_world_is_gone(world: World, data_dir: Path) -> None:
    """Whose account and grants were recorded with diffs."""
    who = world.outsider
    seal()
    redact_person(user_id=who.public_id, email=who.email, name="", actor=world.operator)
    seal()
    left = {name: rows for name, rows in everything(data_dir).items() if name.startswith("audit")}
    assert who.email not in str(left)
    assert f"{who.public_id}@erased.invalid" in str(left)


def test_sinks_and_alerts_go_on_from_where_they_were() -> None:
    sink = Sink.objects.create(name="logs", kind=Kind.SYSLOG, cursor=1)
    happened(OPERATOR, "added a sink")
    seal()
    evaluate(actor=ALERTS)
    redact()
    evaluate(actor=ALERTS)
    assert not Alert.objects.filter(rule__key="foreign_events").exists()
    assert Cursor.objects.get().position == 14
    batch = next_batch(sink)
    assert isinstance(batch, Entries)
    assert [one.position for one in batch.entries] == list(range(1, 14))
    assert batch.entries[0].entry["description"] == f"created the person {OLIVIA.pseudonym}"


def test_alerts_look_at_what_was_redacted_before_they_came_by() -> None:
    redact()
    evaluate(actor=ALERTS)
    assert not Alert.objects.filter(rule__key="foreign_events").exists()


def test_a_file_that_was_left_behind_is_removed_later() -> None:
    """As when the process died right after the commit."""
    today = clock.now().date()
    path = exported("csv", start=today, end=today)
    Export.objects.update(state=ExportState.EXPIRED)
    continue_exports(actor=Actor.system("audit.export"))
    assert not path.exists()


def test_the_proof_of_one_entry_says_why_its_hash_is_another(world: World, api: Any) -> None:
    redact()
    client: APIClient = api(world.admin)
    answer = client.get(f"/api/v1/audit/events/{at(2).public_id}/proof/").json()
    told = answer["redaction"]
    text = RedactionText.opened(told["statement"], verifiers(Tree.objects.get()))
    leaf = leaf_hash(canonical(answer["entry"]))
    path = [base64.b64decode(step) for step in told["path"]]
    assert base64.b64decode(told["leaf"]) == leaf
    assert verify_inclusion(covered(2, leaf), told["place"], text.count, path, text.root)
    assert client.get(f"/api/v1/audit/events/{at(0).public_id}/proof/").json()["redaction"] is None


def test_the_page_of_an_entry_says_that_it_was_redacted(world: World) -> None:
    redact()
    actor = acting(world.admin)
    assert "Redacted for an erased person: what it says now was signed at" in state_of(at(2), actor=actor).text
    assert "Redacted" not in state_of(at(0), actor=actor).text


def test_the_command_says_it_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    redact()
    call_command("audit", "verify", "--json")
    assert '"redacted": 8' in capsys.readouterr().out
