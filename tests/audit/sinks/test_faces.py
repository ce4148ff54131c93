from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.models import Event
from audit.sinks import services
from audit.sinks.models import Sink
from audit.sinks.sealed import open_webhook
from temps.lib.errors import Conflict, Denied, Invalid, NotFound, SealError, Unavailable
from temps.lib.webhooks import new_secret
from tests.audit.sinks.conftest import Run, Write
from tests.audit.sinks.receiver import Receiver, answers
from tests.certificates import made
from tests.world import World, acting

URL = "https://logs.example.com/in-the-path?token=in-the-query"
SINKS = "/api/v1/audit/sinks/"
pytestmark = pytest.mark.promise("L-07")


def webhook(world: World, **given: Any) -> tuple[Sink, str]:
    return services.create_sink("hook", "webhook", actor=world.operator, **({"url": URL} | given))


# Who may


@pytest.mark.parametrize("verb", ["create", "change", "pause", "rewind", "delete", "test", "rotate"])
def test_only_who_may_change_settings_touches_a_sink(world: World, verb: str) -> None:
    sink, _secret = webhook(world)
    actor = acting(world.owner)
    verbs: dict[str, Any] = {
        "create": lambda: services.create_sink("two", "webhook", url=URL, actor=actor),
        "change": lambda: services.change_sink(sink, name="two", actor=actor),
        "pause": lambda: services.set_enabled(sink, False, actor=actor),
        "rewind": lambda: services.rewind_sink(sink, 0, actor=actor),
        "delete": lambda: services.delete_sink(sink, actor=actor),
        "test": lambda: services.try_sink(sink, actor=actor),
        "rotate": lambda: services.rotate_secret(sink, actor=actor),
    }
    with pytest.raises(Denied):
        verbs[verb]()
    assert Sink.objects.filter(name="hook", enabled=True, revision=1).count() == 1


def test_to_others_a_sink_is_not_there(world: World) -> None:
    sink, _secret = webhook(world)
    assert not Sink.objects.visible_to(acting(world.owner)).exists()
    with pytest.raises(NotFound):
        services.sink_by_id(sink.public_id, actor=acting(world.owner))


# What is refused


def invalid(world: World, field: str, **given: Any) -> None:
    kind = given.pop("kind", "syslog")
    with pytest.raises(Invalid) as raised:
        services.create_sink(given.pop("name", "x"), kind, actor=world.operator, **given)
    assert raised.value.field == field
    assert not Sink.objects.exists()


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", {"name": "No Name", "host": "a.example"}),
        ("kind", {"kind": "pigeon"}),
        ("host", {"host": ""}),
        ("host", {"host": "a b"}),
        ("host", {"host": "169.254.169.254"}),
        ("host", {"host": "[::ffff:169.254.169.254]"}),
        ("host", {"host": "a" * 64 + ".example"}),
        ("port", {"host": "a.example", "port": 70_000}),
        ("transport", {"host": "a.example", "transport": "udp"}),
        ("format", {"host": "a.example", "format": "xml"}),
        ("ca_bundle", {"host": "a.example", "ca_bundle": "nonsense"}),
        ("ca_bundle", {"host": "a.example", "ca_bundle": made.authority().key_pem}),
        ("ca_bundle", {"host": "a.example", "transport": "tcp", "ca_bundle": made.authority().pem}),
        ("sends", {"host": "a.example", "sends": "everything"}),
        ("every", {"host": "a.example", "every": 60}),
        ("url", {"host": "a.example", "url": URL}),
        ("secret", {"host": "a.example", "secret": new_secret()}),
        ("url", {"kind": "webhook"}),
        ("url", {"kind": "webhook", "url": "https://169.254.169.254/latest/"}),
        ("url", {"kind": "webhook", "url": "https://[fe80::1]/"}),
        ("format", {"kind": "webhook", "url": URL, "format": "cef"}),
        ("secret", {"kind": "webhook", "url": URL, "secret": "short"}),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_field(world: World, field: str, given: dict[str, Any]) -> None:
    invalid(world, field, **given)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("recipients", {"recipients": ""}),
        ("recipients", {"recipients": "nobody"}),
        ("recipients", {"recipients": "a@example.com\r\nBcc: b@example.com"}),
        ("recipients", {"recipients": ",".join(f"a{number}@example.com" for number in range(21))}),
        ("sends", {"recipients": "owner@example.com", "sends": "entries"}),
    ],
)
def test_mail_goes_to_addresses(world: World, settings: Any, field: str, given: dict[str, Any]) -> None:
    settings.EMAIL_HOST = "localhost"
    invalid(world, field, kind="mail", **given)


def test_mail_needs_a_server(world: World) -> None:
    with pytest.raises(Unavailable, match="temps mail set"):
        services.create_sink("box", "mail", recipients="owner@example.com", actor=world.operator)


def test_a_name_is_taken_once(world: World) -> None:
    webhook(world)
    with pytest.raises(Conflict):
        webhook(world)


def test_a_position_beyond_the_end_is_refused(world: World) -> None:
    sink, _secret = webhook(world)
    with pytest.raises(Invalid, match="positions from 0 to 0"):
        services.rewind_sink(sink, 1, actor=world.operator)


# Changes


def test_a_changed_sink_goes_on_where_it_was_and_keeps_its_secret(
    world: World, receiver: Receiver, write: Write, run: Run
) -> None:
    sink, secret = webhook(world, from_start=True)
    services.change_sink(sink, url=receiver.url, name="new", actor=world.operator)
    write(0)
    run(sink)
    assert receiver.got[0].is_signed_with(secret)
    assert receiver.positions[0] == 0
    assert Event.objects.get(operation="SINK_UPDATE").metadata["addressReplaced"] is True


def test_a_new_secret_signs_from_then_on(world: World, receiver: Receiver, write: Write, run: Run) -> None:
    sink, old = webhook(world, url=receiver.url, from_start=True)
    new = services.rotate_secret(sink, actor=world.operator)
    write(0)
    run(sink)
    assert (receiver.got[0].is_signed_with(new), receiver.got[0].is_signed_with(old)) == (True, False)


def test_a_paused_sink_sends_nothing_and_goes_on_without_a_gap(
    world: World, hook: Sink, receiver: Receiver, write: Write, run: Run
) -> None:
    services.set_enabled(hook, False, actor=world.operator)
    write(2)
    assert run(hook).state == "paused"
    assert receiver.got == []
    services.set_enabled(hook, True, actor=world.operator)
    run(hook)
    assert receiver.positions == list(range(services.log_size()))


def test_rewinding_sends_again(world: World, hook: Sink, receiver: Receiver, run: Run) -> None:
    run(hook)
    services.rewind_sink(hook, 3, actor=world.operator)
    run(hook)
    assert receiver.positions == [*range(services.log_size()), *range(3, services.log_size())]


def test_a_sealed_address_of_another_sink_does_not_open(world: World) -> None:
    sink, _secret = webhook(world)
    other, _other_secret = services.create_sink("other", "webhook", url=URL, actor=world.operator)
    Sink.objects.filter(pk=sink.pk).update(sealed_url=other.sealed_url)
    sink.refresh_from_db()
    with pytest.raises(SealError):
        open_webhook(sink)


# No secret anywhere


def test_no_face_shows_a_secret_or_the_whole_address(
    world: World,
    api: Any,
    signed_in: Any,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    write: Write,
    run: Run,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = api(world.admin)
    made_now = client.post(SINKS, {"name": "hook", "kind": "webhook", "url": URL}, format="json").json()
    secret, one = made_now["secret"], f"{SINKS}{made_now['id']}/"
    Sink.objects.update(sealed_url=b"broken")  # also when it fails
    write(1)
    run(Sink.objects.get())
    pages = [client.get(SINKS).content, client.get(one).content, client.post(f"{one}test/").content]
    browser = signed_in(world.admin)
    change = reverse("admin:audit_sinks_sink_change", args=[Sink.objects.get().pk])
    pages += [browser.get(page).content for page in (reverse("admin:audit_sinks_sink_changelist"), change)]
    call_command("sink", "list")
    call_command("sink", "list", "--json")
    events = json.dumps([event.as_entry() for event in Event.objects.all()])
    differences = repr(LogEntry.objects.values_list("changes", "changes_text", "serialized_data", "object_repr"))
    shown = b"".join(pages).decode() + capsys.readouterr().out + caplog.text + events + differences
    assert made_now["where"] == "https://logs.example.com/…"
    for hidden in (secret, secret.removeprefix("whsec_"), "in-the-query", "in-the-path"):
        assert hidden not in shown


def test_the_secret_given_is_not_told_again(world: World, api: Any) -> None:
    secret = new_secret()
    body = {"name": "hook", "kind": "webhook", "url": URL, "secret": secret}
    answer = api(world.admin).post(SINKS, body, format="json")
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert secret not in json.dumps([event.as_entry() for event in Event.objects.all()])


def test_the_database_holds_neither_secret_nor_address(world: World) -> None:
    sink, secret = webhook(world)
    row = repr({name: bytes(one) if isinstance(one, memoryview) else one for name, one in vars(sink).items()})
    assert secret not in row
    assert "in-the-query" not in row
    assert open_webhook(Sink.objects.get()) == (URL, secret)


# The API


def test_a_sink_by_the_api(world: World, api: Any, receiver: Receiver) -> None:
    client = api(world.admin)
    made_now = client.post(SINKS, {"name": "hook", "kind": "webhook", "url": receiver.url}, format="json").json()
    one = f"{SINKS}{made_now['id']}/"
    tried = client.post(f"{one}test/").json()
    assert tried == {"delivered": True, "answer": "127.0.0.1 answered with status 204"}
    assert receiver.got[0].is_signed_with(made_now["secret"])
    assert client.patch(one, {"enabled": False}, format="json").json()["state"] == "paused"
    assert client.patch(one, {"enabled": True, "name": "x"}, format="json").status_code == 400
    assert client.post(f"{one}rewind/", {"position": 5}, format="json").json()["status"] == 400
    assert client.post(f"{one}secret/").json()["secret"] != made_now["secret"]
    assert [sink["name"] for sink in client.get(SINKS).json()["results"]] == ["hook"]
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    told = Event.objects.filter(resource_type="sink").order_by("id").values_list("operation", flat=True)
    assert list(told) == ["SINK_CREATE", "SINK_TEST", *["SINK_UPDATE"] * 2, "SINK_DELETE"]


def test_a_test_that_fails_says_why_and_changes_nothing(world: World, api: Any, receiver: Receiver) -> None:
    sink, _secret = webhook(world, url=receiver.url)
    receiver.behaviours = [answers(418)]
    tried = api(world.admin).post(f"{SINKS}{sink.public_id}/test/").json()
    assert tried == {"delivered": False, "answer": "127.0.0.1 answered with status 418"}
    sink.refresh_from_db()
    assert (sink.state, sink.cursor) == ("ok", 0)
    assert Event.objects.get(operation="SINK_TEST").result == "failure"


# The command line


def test_the_commands(world: World, capsys: pytest.CaptureFixture[str], receiver: Receiver) -> None:
    call_command("sink", "add-webhook", "--name", "hook", "--url", receiver.url, "--from-start")
    printed = capsys.readouterr().out
    assert "shown this once: whsec_" in printed
    assert "in-the-query" not in printed
    call_command("sink", "test", "--name", "hook")
    call_command("sink", "pause", "--name", "hook")
    call_command("sink", "resume", "--name", "hook")
    call_command("sink", "rewind", "--name", "hook", "--position", "0")
    call_command("sink", "list", "--json")
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index("[") :])[0]["state"] == "ok"
    call_command("sink", "remove", "--name", "hook")
    assert not Sink.objects.exists()


def test_address_and_secret_come_through_standard_input(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = new_secret()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{URL}\n{secret}\n"))
    call_command("sink", "add-webhook", "--name", "hook", "--url", "-", "--secret-stdin")
    assert open_webhook(Sink.objects.get()) == (URL, secret)
    assert secret not in capsys.readouterr().out


def test_syslog_and_mail_by_command(world: World, settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_HOST = "localhost"
    (tmp_path / "ca.pem").write_text(made.authority().pem)
    call_command("sink", "add-syslog", "--name", "logs", "--host", "a.example", "--ca-file", str(tmp_path / "ca.pem"))
    call_command("sink", "add-mail", "--name", "box", "--to", "owner@example.com", "--every", "1h")
    assert [sink.where for sink in Sink.objects.all()] == ["owner@example.com", "tls://a.example:6514"]
    with pytest.raises(CommandError, match="cannot be reached"):
        call_command("sink", "test", "--name", "logs")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pause", "--name", "nix"), "there is no sink 'nix': temps sink list shows them"),
        (("--transport", "udp"), "transport is one of tls, tcp, not 'udp'"),
        (("--ca-file", "/nowhere/ca.pem"), "cannot read /nowhere/ca.pem: No such file or directory"),
        (("--ca-file", __file__), "holds no certificates in PEM form"),
    ],
)
def test_what_is_wrong_is_named(world: World, arguments: tuple[str, ...], message: str) -> None:
    add = ("add-syslog", "--name", "logs", "--host", "a.example")
    with pytest.raises(CommandError, match=message):
        call_command("sink", *(add if arguments[0].startswith("--") else ()), *arguments)


# The console


def test_a_sink_by_the_console(world: World, signed_in: Any) -> None:
    client = signed_in(world.admin)
    form = {"name": "hook", "kind": "webhook", "sends": "entries", "format": "json", "url": URL, "every": ""}
    answer = client.post(reverse("admin:audit_sinks_sink_add"), form)
    sink = Sink.objects.get()
    url, secret = open_webhook(sink)
    assert (url, secret in answer.content.decode()) == (URL, True)
    assert "no-store" in answer["Cache-Control"]
    change = reverse("admin:audit_sinks_sink_change", args=[sink.pk])
    assert client.post(change, {"name": "renamed", "format": "ocsf", "every": "0", "position": ""}).status_code == 302
    sink.refresh_from_db()
    assert (sink.name, sink.format, sink.enabled, open_webhook(sink)) == ("renamed", "ocsf", False, (URL, secret))


def test_an_error_stands_at_its_field(world: World, signed_in: Any) -> None:
    form = {"name": "logs", "kind": "syslog", "sends": "entries", "format": "json", "host": "169.254.169.254"}
    answer = signed_in(world.admin).post(reverse("admin:audit_sinks_sink_add"), form)
    assert "cloud metadata" in answer.content.decode()
    assert not Sink.objects.exists()


def test_actions_of_the_list(world: World, signed_in: Any, receiver: Receiver) -> None:
    sink, _secret = webhook(world, url=receiver.url)
    client, page = signed_in(world.admin), reverse("admin:audit_sinks_sink_changelist")
    for action in ("send_test", "pause"):
        client.post(page, {"action": action, "_selected_action": [sink.pk]})
    sink.refresh_from_db()
    assert (len(receiver.got), sink.enabled) == (1, False)
