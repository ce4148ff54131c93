"""The API, the commands and the console: the same services, for those who may."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from audit.actions import Action
from audit.alerts import channels
from audit.alerts.models import Alert, AlertState, Channel, Rule
from audit.alerts.services import create_rule, delete_rule, update_rule
from audit.models import Event
from secrets_vault.sealing import open_sealed
from temps.lib.errors import Conflict, Invalid
from tests.audit.alerts.made import alerts, happened, look
from tests.audit.sinks.receiver import Receiver, answers
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-09")]
Api = Callable[..., APIClient]
SignIn = Callable[[User], Client]
HOOK = "https://hooks.example.com/services/T0/B0/in-the-path"


def recorded(operation: str) -> list[str]:
    return list(Event.objects.filter(operation=operation).values_list("description", flat=True))


# Rules


def test_a_rule_that_comes_with_temps_can_be_adjusted_and_not_deleted(world: World) -> None:
    rule = Rule.objects.get(key="denials_by_user")
    changed = update_rule(rule, threshold=50, severity="critical", enabled=False, actor=world.operator)
    assert (changed.threshold, changed.severity, changed.enabled) == (50, "critical", False)
    with pytest.raises(Invalid, match="cannot be changed"):
        update_rule(rule, operations=["USER_SIGN_OUT"], actor=world.operator)
    with pytest.raises(Conflict, match="disable it instead"):
        delete_rule(rule, actor=world.operator)
    assert recorded("ALERT_RULE_UPDATE") == ["changed the alert rule 'Denials of one user'"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 121),
        ("operations", ["NO_SUCH"]),
        ("results", ["perhaps"]),
        ("threshold", 0),
        ("window", 9),
        ("window", 10**9),
        ("group_by", "mood"),
        ("severity", "loud"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_field(world: World, field: str, value: Any) -> None:
    before = Rule.objects.count()
    with pytest.raises(Invalid) as refused:
        create_rule(**({"name": "x"} | {field: value}), actor=world.operator)
    assert (refused.value.field, Rule.objects.count()) == (field, before)


# API


def test_alerts_over_the_api(world: World, api: Api) -> None:
    happened(5)
    look()
    client = api(world.admin)
    (alert,) = client.get("/api/v1/alerts/?state=open").json()["results"]
    assert (alert["group"], alert["count"], len(alert["details"]["events"])) == ("owner@example.com", 5, 5)
    answer = client.post(f"/api/v1/alerts/{alert['id']}/acknowledge/")
    assert (answer.json()["state"], answer.json()["acknowledged_by"]) == ("acknowledged", world.admin.email)
    assert client.get("/api/v1/alerts/?state=sleepy").status_code == 400
    assert recorded("ALERT_ACKNOWLEDGE") == [
        "acknowledged the alert 'Failed sign-ins to one account: owner@example.com'"
    ]


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("who", ["owner", "member", "nobody"])
def test_those_of_a_project_see_nothing(world: World, api: Api, who: str) -> None:
    happened(5)
    look()
    channels.add_slack("ops", HOOK, actor=world.operator)
    client = api(getattr(world, who))
    for name in ("alerts", "alert-rules", "alert-channels"):
        answer = client.get(f"/api/v1/{name}/")
        assert answer.status_code == 403 or answer.json()["results"] == []
    assert client.get(f"/api/v1/alerts/{alerts()[0].public_id}/").status_code in (403, 404)


def test_rules_over_the_api(world: World, api: Api) -> None:
    client = api(world.admin)
    made = client.post("/api/v1/alert-rules/", {"name": "Exports", "operations": ["AUDIT_EXPORT"]}, format="json")
    assert (made.status_code, made.json()["key"]) == (201, None)
    url = f"/api/v1/alert-rules/{made.json()['id']}/"
    assert client.patch(url, {"threshold": 3, "enabled": False}, format="json").json()["threshold"] == 3
    assert client.patch(url, {"threshold": 0}, format="json").json()["errors"]["threshold"]
    assert client.delete(url).status_code == 204
    assert client.delete("/api/v1/alert-rules/denials_by_user/").status_code == 409


@pytest.mark.promise("L-02")
def test_channels_over_the_api_show_the_host_alone_and_the_secret_once(world: World, api: Api) -> None:
    client = api(world.admin)
    given = {"name": "ops", "kind": "webhook", "address": HOOK}
    made = client.post("/api/v1/alert-channels/", given, format="json")
    channel = Channel.objects.get()
    secret = open_sealed(bytes(channel.secret or b""), project_pk=None, context=channel.context("secret")).decode()
    assert (made.status_code, made.json()["secret"], made["Cache-Control"]) == (201, secret, "no-store")
    url = f"/api/v1/alert-channels/{channel.public_id}/"
    shown = client.get(url).json() | client.patch(url, {"enabled": False}, format="json").json()
    assert (shown["address"], shown["enabled"], "secret" in shown) == ("hooks.example.com", False, False)
    assert "in-the-path" not in json.dumps(shown) + made.content.decode()
    assert client.post("/api/v1/alert-channels/", given, format="json").status_code == 409
    assert client.delete(url).status_code == 204


def test_a_test_over_the_api(world: World, api: Api, receiver: Receiver) -> None:
    channel = channels.add_slack("ops", receiver.url, actor=world.operator)
    url = f"/api/v1/alert-channels/{channel.public_id}/test/"
    assert api(world.admin).post(url).json() == {"arrived": True, "error": ""}


# Commands


def test_the_commands(world: World, capsys: pytest.CaptureFixture[str], receiver: Receiver, monkeypatch: Any) -> None:
    happened(5)
    look()
    call_command("alert", "list")
    told = capsys.readouterr()
    assert "owner@example.com" in told.out
    assert "no channel is enabled: " in told.err
    assert "told to nobody" in told.err
    monkeypatch.setattr(sys, "stdin", io.StringIO(receiver.url + "\n"))
    call_command("alert", "add-slack", "--name", "ops")
    call_command("alert", "test", "--channel", "ops")
    call_command("alert", "acknowledge", "--alert", alerts()[0].public_id)
    call_command("alert", "disable", "--rule", "denials_by_user")
    call_command("alert", "channels")
    printed = capsys.readouterr()
    assert "127.0.0.1 took the message" in printed.out
    assert "in-the-query" not in printed.out + printed.err
    assert "told to nobody" not in printed.err
    call_command("alert", "list", "--json")
    assert json.loads(capsys.readouterr().out)[0]["state"] == "acknowledged"
    call_command("alert", "remove-channel", "--channel", "ops")
    assert not Channel.objects.exists()


def test_a_rule_of_one_s_own_by_command(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    what = ("--operations", "secret_reveal", "--threshold", "3", "--window", "1h", "--group-by", "user")
    call_command("alert", "add-rule", "--name", "Curious", *what, "--json")
    made = json.loads(capsys.readouterr().out)
    assert (made["operations"], made["window"]) == (["SECRET_REVEAL"], 3600)
    call_command("alert", "remove-rule", "--rule", made["id"])
    with pytest.raises(CommandError, match=f"there is no rule '{made['id']}': temps alert rules lists them"):
        call_command("alert", "enable", "--rule", made["id"])


def test_a_rule_takes_families_and_suggests_spellings(world: World) -> None:
    call_command("alert", "add-rule", "--name", "Curious", "--operations", "role_assign,secret_*,SECRET_USE")
    operations = Rule.objects.get(name="Curious").operations
    assert operations == ["ROLE_ASSIGN", *(action.value for action in Action if action.startswith("SECRET_"))]
    for wrong, said in (("SECRET_REVEL", "perhaps SECRET_REVEAL"), ("NO_*", "no operation 'NO_")):
        with pytest.raises(CommandError, match=said):
            call_command("alert", "add-rule", "--name", "Wrong", "--operations", wrong)


def test_the_rules_say_for_what_there_is_an_alert_each(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("alert", "rules")
    lines = {line.split()[0]: line.rstrip() for line in capsys.readouterr().out.splitlines()}
    each = {"failed_sign_ins_by_account": "account", "certificate_expiry": "domain", "dead_sink": "sink"}
    for key, what in (each | {"sealing_failure": "all of it together"}).items():
        assert lines[key].endswith(f"  {what}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acknowledge", "--alert", "alr_x"), "there is no alert 'alr_x': temps alert list --all lists them"),
        (("test", "--channel", "ops"), "there is no channel 'ops': temps alert channels lists them"),
        (("add-rule", "--name", "x", "--group-by", "mood"), "group by is one of user, .*, not 'mood'"),
    ],
)
def test_what_is_not_there_is_named(world: World, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("alert", *arguments)


def test_mail_without_a_server_is_no_channel(world: World, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    with pytest.raises(CommandError, match="no mail server is set"):
        call_command("alert", "add-mail", "--name", "ops", "--to", "admin@example.com")
    assert not Channel.objects.exists()


def test_how_a_test_went_is_shown_with_the_channel(
    world: World, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    channels.add_slack("ops", receiver.url, actor=world.operator)

    def shown() -> tuple[str, str]:
        call_command("alert", "channels")
        printed = capsys.readouterr()
        return printed.out, printed.err

    assert "nothing sent yet" in shown()[0]
    receiver.behaviours = [answers(418)]
    with pytest.raises(CommandError, match="status 418"):
        call_command("alert", "test", "--channel", "ops")
    out, err = shown()
    assert ("failing (1): 127.0.0.1 answered with status 418" in out, "told to nobody" in err) == (True, True)
    call_command("alert", "test", "--channel", "ops")
    out, err = shown()
    assert ("delivered 20" in out, "told to nobody" in err) == (True, False)


def test_a_webhook_s_secret_is_all_that_is_on_standard_output(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(HOOK))
    call_command("alert", "add-webhook", "--name", "ops")
    printed = capsys.readouterr()
    assert (printed.out.startswith("whsec_"), printed.out.count("\n")) == (True, 1)
    assert "try it: temps alert test --channel 'ops'" in printed.err


def test_who_may_not_see_alerts_is_told_so(world: World) -> None:
    with pytest.raises(CommandError, match="monitoring:read"):
        call_command("alert", "list", "--as", "owner@example.com")


# Console


def test_the_console_says_when_alerts_are_told_to_nobody(world: World, signed_in: SignIn, receiver: Receiver) -> None:
    client = signed_in(world.admin)
    assert "told to nobody: no channel is enabled" in client.get("/audit_alerts/alert/").content.decode()
    channel = channels.add_slack("ops", receiver.url, actor=world.operator)
    assert "no enabled channel is known to work" in client.get("/").content.decode()
    channels.send_test(channel, actor=world.operator)
    assert "told to nobody" not in client.get("/audit_alerts/alert/").content.decode()


def test_an_alert_is_acknowledged_in_the_console(world: World, signed_in: SignIn) -> None:
    happened(5)
    happened(5, user_email="viewer@example.com")
    look()
    client = signed_in(world.admin)
    mine = Alert.objects.get(group="owner@example.com")
    page = client.get(f"/audit_alerts/alert/{mine.pk}/change/").content.decode()
    assert page.count("USER_SIGN_IN failure") == 5
    client.post(f"/audit_alerts/alert/{mine.pk}/change/", {"acknowledge": "on"})
    others = [alert.pk for alert in alerts() if alert.pk != mine.pk]
    client.post("/audit_alerts/alert/", {"action": "acknowledge_selected", "_selected_action": others})
    assert {alert.state for alert in alerts()} == {AlertState.ACKNOWLEDGED}


def test_reading_alerts_in_the_console_is_not_acknowledging_them(world: World, signed_in: SignIn) -> None:
    happened(5)
    look()
    client = signed_in(world.platform_viewer)
    path = f"/audit_alerts/alert/{alerts()[0].pk}/change/"
    assert "USER_SIGN_IN failure" not in client.get(path).content.decode()  # nor reading the audit log
    assert client.post(path, {"acknowledge": "on"}).status_code == 403
    assert alerts()[0].state == AlertState.OPEN


def test_a_rule_in_the_console(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.admin)
    form = {"name": "Exports", "severity": "info", "threshold": 2, "window": 60, "group_by": "none"}
    client.post("/audit_alerts/rule/add/", form | {"operations": ["AUDIT_EXPORT"]})
    rule = Rule.objects.get(name="Exports")
    assert (rule.operations, rule.threshold) == (["AUDIT_EXPORT"], 2)
    shipped = Rule.objects.get(key="denials_by_user")
    client.post(f"/audit_alerts/rule/{shipped.pk}/change/", {"severity": "info", "threshold": 9, "window": 60})
    shipped.refresh_from_db()
    assert (shipped.enabled, shipped.threshold, shipped.operations) == (False, 9, ["PERMISSION_CHECK"])


@pytest.mark.promise("L-02")
def test_a_channel_in_the_console(world: World, signed_in: SignIn, receiver: Receiver) -> None:
    client = signed_in(world.admin)
    form = {"name": "ops", "kind": "webhook", "web_address": receiver.url, "minimum_severity": "info"}
    made = client.post("/audit_alerts/channel/add/", form)
    assert ("whsec_" in made.content.decode(), "no-store" in made["Cache-Control"]) == (True, True)
    channel = Channel.objects.get()
    page = client.get(f"/audit_alerts/channel/{channel.pk}/change/").content.decode()
    assert "127.0.0.1" in page
    assert not [secret for secret in ("whsec_", "in-the-query") if secret in page]
    client.post("/audit_alerts/channel/", {"action": "send_tests", "_selected_action": [channel.pk]})
    assert len(receiver.got) == 1
    client.post(f"/audit_alerts/channel/{channel.pk}/delete/", {"post": "yes"})
    assert not Channel.objects.exists()


def test_a_wrong_address_is_told_at_its_field_and_not_shown_again(world: World, signed_in: SignIn) -> None:
    form = {"name": "ops", "kind": "slack", "web_address": "http://hooks.example.com/x0x0", "minimum_severity": "info"}
    page = signed_in(world.admin).post("/audit_alerts/channel/add/", form).content.decode()
    assert "plain http is for addresses of your own network" in page
    assert "x0x0" not in page


def test_the_sidebar_and_the_dashboard_count_what_is_open(world: World, signed_in: SignIn) -> None:
    happened(5)
    look()
    channels.add_slack("ops", HOOK, actor=world.operator)
    assert "1 alert is open, and nobody looks after it yet." in signed_in(world.admin).get("/").content.decode()
    assert "alert is open" not in signed_in(world.owner).get("/").content.decode()
