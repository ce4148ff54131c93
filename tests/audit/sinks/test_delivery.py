from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from audit.models import Event
from audit.sinks import services, stream
from audit.sinks.batches import BATCH
from audit.sinks.models import Sink
from audit.sinks.stream import Stream, pause_after
from temps.lib import clock, webhooks
from tests.audit.sinks.conftest import Run, Write
from tests.audit.sinks.receiver import Receiver, answers, breaks_off, hangs
from tests.world import World

pytestmark = pytest.mark.promise("L-07")


def positions() -> list[int]:
    return sorted(position for position in Event.objects.values_list("position", flat=True) if position is not None)


def test_every_sealed_entry_arrives_in_order_and_once(hook: Sink, receiver: Receiver, write: Write, run: Run) -> None:
    write(2 * BATCH)
    sink = run(hook)
    assert receiver.positions == positions()
    assert (sink.cursor, sink.state) == (len(positions()), "ok")


def test_a_message_is_signed_and_holds_the_documented_entry(
    world: World, receiver: Receiver, write: Write, run: Run
) -> None:
    sink, secret = services.create_sink("hook", "webhook", url=receiver.url, actor=world.operator)
    write(0)
    run(sink)
    got = receiver.got[0]
    event = Event.objects.get(operation="SINK_CREATE")
    assert got.is_signed_with(secret)
    assert got.json["entries"][-1] == {"position": event.position, "entry": event.as_entry()}


def test_an_entry_that_is_not_sealed_waits(world: World, hook: Sink, receiver: Receiver, run: Run) -> None:
    run(hook)
    services.set_enabled(hook, False, actor=world.operator)
    services.set_enabled(hook, True, actor=world.operator)
    run(hook)
    assert receiver.positions == positions()
    assert Event.objects.filter(position=None).count() == 2


def test_a_new_sink_begins_at_the_end_of_the_log(world: World, receiver: Receiver, write: Write, run: Run) -> None:
    write(5)
    size = services.log_size()
    sink, _secret = services.create_sink("late", "webhook", url=receiver.url, actor=world.operator)
    write(1)
    run(sink)
    assert receiver.positions == [size, size + 1]


@pytest.mark.parametrize("behave", [answers(500), answers(302, Location="http://169.254.169.254/"), breaks_off, hangs])
def test_what_was_not_taken_is_sent_again_as_the_same_message(
    hook: Sink, receiver: Receiver, write: Write, now: Any, behave: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "EXCHANGE", 0.3)
    receiver.behaviours = [behave]
    one = Stream(hook.pk)
    one.turn()
    hook.refresh_from_db()
    assert (hook.cursor, hook.attempts, hook.state) == (0, 1, "failing")
    first = positions()
    write(3)
    now(hook)
    one.turn()
    assert receiver.positions[-len(first) :] == first
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


def test_it_waits_longer_with_each_failure_and_forgets_that_with_success(
    hook: Sink, receiver: Receiver, run: Run, now: Any
) -> None:
    receiver.behaviours = [answers(503)] * 3
    for _ in range(3):
        now(hook)
        sink = run(hook)
    assert (sink.attempts, sink.last_error) == (3, "127.0.0.1 answered with status 503")
    assert sink.next_try_at is not None
    assert len(receiver.got) == 3
    run(hook)
    assert len(receiver.got) == 3, "it is not due yet"
    now(hook)
    sink = run(hook)
    assert (sink.attempts, sink.last_error, sink.failing_since, sink.next_try_at) == (0, "", None, None)


def test_pauses_grow_from_a_second_to_five_minutes() -> None:
    assert 1 <= pause_after(1) <= 1
    assert [pause_after(number) <= 2 ** (number - 1) for number in range(1, 9)] == [True] * 8
    assert 225 <= pause_after(1000) <= 300


def test_a_sink_that_fails_for_ten_minutes_is_dead_and_is_tried_all_the_same(
    hook: Sink, receiver: Receiver, run: Run, now: Any
) -> None:
    receiver.behaviours = [answers(500), answers(500)]
    run(hook)
    assert services.dead_sinks() == []
    Sink.objects.filter(pk=hook.pk).update(failing_since=clock.now() - timedelta(minutes=11), next_try_at=None)
    assert [sink.name for sink in services.dead_sinks()] == ["hook"]
    assert run(hook).state == "dead"
    now(hook)
    assert run(hook).state == "ok"
    assert services.dead_sinks() == []


def test_no_transaction_is_open_while_a_peer_is_spoken_to(
    hook: Sink, receiver: Receiver, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth, seen = len(connection.savepoint_ids), list[int]()
    meanwhile(monkeypatch, lambda: seen.append(len(connection.savepoint_ids)))
    run(hook)
    assert seen == [depth]


# Two keepers, and people, at the same sink


def test_only_one_of_two_keepers_sends(hook: Sink, receiver: Receiver) -> None:
    one, other = Stream(hook.pk), Stream(hook.pk)
    one.turn()
    other.turn()
    assert len(receiver.got) == 1
    one.close()
    assert other.turn() == stream.IDLE


def test_a_keeper_that_died_is_followed_when_its_hold_has_run_out(hook: Sink, receiver: Receiver, run: Run) -> None:
    Sink.objects.filter(pk=hook.pk).update(holder="dead", held_until=clock.now() + timedelta(seconds=9))
    assert run(hook).cursor == 0
    Sink.objects.filter(pk=hook.pk).update(held_until=clock.now())
    run(hook)
    assert receiver.positions == positions()


def meanwhile(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Do something between the reading of what is to be sent and its sending."""
    real = webhooks.connect

    def connect(*arguments: Any, **options: Any) -> Any:
        do()
        return real(*arguments, **options)

    monkeypatch.setattr(webhooks, "connect", connect)


@pytest.mark.parametrize("column", ["rewound", "taken over", "deleted", "paused"])
def test_what_happens_to_a_sink_in_mid_flight_is_not_undone(
    hook: Sink, receiver: Receiver, world: World, monkeypatch: pytest.MonkeyPatch, column: str, write: Write
) -> None:
    Sink.objects.filter(pk=hook.pk).update(cursor=2)
    one = Stream(hook.pk)
    changes: dict[str, Any] = {
        "rewound": lambda: services.rewind_sink(hook, 1, actor=world.operator),
        "taken over": lambda: Sink.objects.update(holder="another", cursor=3),
        "deleted": lambda: services.delete_sink(hook, actor=world.operator),
        "paused": lambda: services.set_enabled(hook, False, actor=world.operator),
    }
    meanwhile(monkeypatch, changes[column])
    one.turn()
    assert len(receiver.got) == 1
    left = [(sink.cursor, sink.enabled) for sink in Sink.objects.all()]
    end = 2 + len(receiver.positions)
    assert left == {"rewound": [(1, True)], "taken over": [(3, True)], "deleted": [], "paused": [(end, False)]}[column]


def test_an_error_of_our_own_shows_and_does_not_end_the_stream(
    hook: Sink, run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, now: Any
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("audit.sinks.messages.entries_body", lambda *_: 1 / 0)
        assert run(hook).last_error == "Temps failed (ZeroDivisionError)"
    now(hook)
    assert run(hook).state == "ok"


# Other contents


def test_entries_as_ocsf(world: World, receiver: Receiver, write: Write, run: Run) -> None:
    sink, _secret = services.create_sink("ocsf", "webhook", url=receiver.url, format="ocsf", actor=world.operator)
    write(1)
    run(sink)
    body = receiver.got[0].json
    assert (body["format"], {"class_uid", "metadata", "time"} <= body["entries"][0]["entry"].keys()) == ("ocsf", True)


def test_checkpoints_alone_the_newest_and_not_too_often(
    world: World, receiver: Receiver, write: Write, run: Run
) -> None:
    write(1)
    sink, _secret = services.create_sink(
        "proof", "webhook", url=receiver.url, sends="checkpoints", every=3600, actor=world.operator
    )
    write(2)
    write(2)
    run(sink)
    write(2)
    run(sink)
    bodies = [got.json for got in receiver.got]
    assert [body["size"] for body in bodies] == [services.log_size() - 2]
    assert bodies[0]["checkpoint"].startswith(f"{bodies[0]['origin']}\n{bodies[0]['size']}\n")
    assert json.loads(receiver.got[0].body)["type"] == "audit.checkpoint"


def test_checkpoints_by_mail(world: World, settings: Any, mailoutbox: Any, write: Write, run: Run) -> None:
    settings.EMAIL_HOST = "localhost"
    sink, _none = services.create_sink("box", "mail", recipients="owner@example.com", actor=world.operator)
    write(1)
    run(sink)
    assert [message.to for message in mailoutbox] == [["owner@example.com"]]
    assert "\n— temps-audit_" in mailoutbox[0].body
    assert sink.every == 86_400
