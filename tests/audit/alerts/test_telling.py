"""Alerts reach real receivers: once, again after a day, and sooner or later whatever happens in between."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from audit.alerts import channels, tasks
from audit.alerts.models import Alert, Channel, Message
from audit.alerts.services import acknowledge
from audit.alerts.telling import deliver
from audit.models import Event
from temps.lib import clock
from temps.lib.errors import Invalid, Unavailable
from tests.audit.alerts.made import SYSTEM, alerts, happened, look
from tests.audit.sinks.receiver import Receiver, answers, breaks_off, hangs, receiving
from tests.lib.test_mail import Kept
from tests.peers import free_port
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-09")]


def send() -> None:
    for channel in Channel.objects.all():
        tasks.deliver(channel.public_id)


def test_a_webhook_is_signed_and_tells_once(world: World, receiver: Receiver, later: Any) -> None:
    _channel, secret = channels.add_webhook("ops", receiver.url, actor=world.operator)
    happened(5)
    look()
    send()
    happened(3)
    look()
    send()
    (got,) = receiver.got
    assert got.is_signed_with(secret)
    (told,) = got.json["data"]["alerts"]
    assert (got.json["type"], told["group"], told["count"]) == ("alerts", "owner@example.com", 5)


def test_slack_gets_text(world: World, receiver: Receiver, settings: Any) -> None:
    settings.PUBLIC_URL = "https://temps.example.com/"
    channels.add_slack("ops", receiver.url, actor=world.operator)
    happened(5)
    look()
    send()
    (got,) = receiver.got
    text = got.json["text"]
    assert text.startswith("*WARNING* Failed sign-ins to one account `owner@example.com` (5 since ")
    assert f"<https://temps.example.com/audit_alerts/alert/{alerts()[0].pk}/change/|open in Temps>" in text


def test_mail_arrives_in_plain_text(world: World, mailbox: Kept) -> None:
    channels.add_mail("ops", "Admin@example.com", actor=world.operator)
    happened(10)
    look()
    send()
    (message,) = mailbox.messages
    assert message["Subject"].startswith("[Temps] warning: Failed sign-ins")
    assert message["Subject"].endswith("and 1 more")
    assert (message["To"], "owner@example.com" in message.get_payload()) == ("admin@example.com", True)


def test_an_alert_that_stays_open_is_told_again_after_a_day_unless_acknowledged(world: World, later: Any) -> None:
    channels.add_mail("ops", "admin@example.com", actor=world.operator)
    happened(5)
    look()
    for _hour in range(24):
        later.shift(timedelta(hours=1))
        Alert.objects.update(last_at=clock.now())  # it goes on
        look()
    assert Message.objects.count() == 2
    acknowledge(alerts()[0], actor=world.operator)
    later.shift(timedelta(hours=25))
    Alert.objects.update(last_at=clock.now())
    look()
    assert Message.objects.count() == 2


def test_a_channel_gets_what_it_asks_for(world: World) -> None:
    channels.add_mail("all", "admin@example.com", actor=world.operator)
    channels.add_mail("grave", "owner@example.com", minimum_severity="critical", actor=world.operator)
    off = channels.add_mail("off", "viewer@example.com", actor=world.operator)
    channels.update_channel(off, enabled=False, actor=world.operator)
    happened(5)
    look()
    assert [message.channel.name for message in Message.objects.all()] == ["all"]


def test_what_was_told_to_nobody_is_told_to_the_first_channel(world: World) -> None:
    happened(5)
    look()
    assert (Message.objects.count(), alerts()[0].notified_at) == (0, None)
    channels.add_mail("ops", "admin@example.com", actor=world.operator)
    look()
    assert Message.objects.count() == 1
    assert alerts()[0].notified_at is not None


def test_a_flood_of_alerts_is_one_message(world: World) -> None:
    channels.add_mail("ops", "admin@example.com", actor=world.operator)
    for number in range(30):
        happened(5, user_email=f"{number}@example.com", ip_address=f"192.0.2.{number}")
    look()
    message = Message.objects.get()
    assert (len(message.alerts), message.more) == (20, 10)


def test_a_channel_that_is_down_is_shown_tried_again_and_gets_the_same_message(world: World, later: Any) -> None:
    port = free_port()
    channel, _secret = channels.add_webhook("ops", f"http://127.0.0.1:{port}/", actor=world.operator)
    happened(5)
    look()
    send()
    channel.refresh_from_db()
    assert (channel.failures, "cannot be reached" in channel.last_error) == (1, True)
    waiting = Message.objects.get().public_id
    with receiving(port) as receiver:
        send()  # pauses still
        assert receiver.got == []
        later.shift(31)
        send()
        assert [got.headers["webhook-id"] for got in receiver.got] == [waiting]
    channel.refresh_from_db()
    assert (channel.failures, channel.last_error, Message.objects.count()) == (0, "", 0)


@pytest.mark.parametrize("behaviour", [answers(500), answers(302, Location="/elsewhere"), breaks_off])
def test_any_other_answer_is_a_failure(world: World, receiver: Receiver, behaviour: Any, later: Any) -> None:
    channels.add_slack("ops", receiver.url, actor=world.operator)
    receiver.behaviours.append(behaviour)
    happened(5)
    look()
    send()
    assert (Channel.objects.get().failures, Message.objects.count()) == (1, 1)


def test_a_sender_that_died_is_followed_by_another_and_two_never_send_at_once(
    world: World, receiver: Receiver, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels.add_slack("ops", receiver.url, actor=world.operator)
    happened(5)
    look()
    with monkeypatch.context() as patched:
        patched.setattr("audit.alerts.telling.send", _dies)
        with pytest.raises(KeyboardInterrupt):
            send()
    send()
    assert receiver.got == []
    later.shift(301)
    send()
    assert len(receiver.got) == 1


def _dies(*_args: Any) -> None:
    raise KeyboardInterrupt


def test_one_that_fails_holds_up_nobody_else(world: World, receiver: Receiver) -> None:
    channels.add_slack("down", f"http://127.0.0.1:{free_port()}/", actor=world.operator)
    channels.add_slack("up", receiver.url, actor=world.operator)
    happened(5)
    look()
    send()
    assert len(receiver.got) == 1


def test_a_message_that_no_channel_takes_for_a_week_is_given_up(world: World, later: Any) -> None:
    channel = channels.add_slack("down", f"http://127.0.0.1:{free_port()}/", actor=world.operator)
    happened(5)
    look()
    later.shift(timedelta(days=8))
    deliver(channel.public_id, actor=SYSTEM)
    assert Message.objects.count() == 0


def test_a_test_message_says_whether_it_arrived(world: World, receiver: Receiver) -> None:
    channel, secret = channels.add_webhook("ops", receiver.url, actor=world.operator)
    channels.send_test(channel, actor=world.operator)
    assert receiver.got[0].is_signed_with(secret)
    receiver.behaviours.append(answers(403))
    with pytest.raises(Unavailable, match="status 403"):
        channels.send_test(channel, actor=world.operator)
    assert Event.objects.filter(operation="ALERT_CHANNEL_TEST").count() == 2


@pytest.mark.promise("L-02")
def test_the_address_of_a_channel_is_a_secret_everywhere(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture, api: Any
) -> None:
    with caplog.at_level(logging.DEBUG):
        channel = channels.add_slack("ops", receiver.url, actor=world.operator)
        receiver.behaviours.append(answers(500))
        happened(5)
        look()
        send()
    shown = [str(event.as_entry()) for event in Event.objects.all()] + [caplog.text]
    shown.append(api(world.admin).get("/api/v1/alert-channels/").content.decode())
    stored = bytes(Channel.objects.get(pk=channel.pk).target or b"")
    assert not [text for text in shown if "in-the-query" in text]
    assert b"in-the-query" not in stored


@pytest.mark.parametrize("url", ["http://hooks.example.com/x", "ftp://192.0.2.1/", "https://u:pa55@h.example.com/", ""])
def test_a_wrong_address_is_refused_without_repeating_it(world: World, url: str) -> None:
    with pytest.raises(Invalid) as refused:
        channels.add_slack("ops", url, actor=world.operator)
    assert (refused.value.field, "pa55" in refused.value.message) == ("address", False)
    assert not Channel.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_that_hangs_holds_up_neither_evaluation_nor_another(world: World, receiver: Receiver) -> None:
    with receiving() as hanging:
        hanging.behaviours.append(hangs)
        slow = channels.add_slack("slow", hanging.url, actor=world.operator)
        quick = channels.add_slack("quick", receiver.url, actor=world.operator)
        happened(5)
        look()
        thread = threading.Thread(target=_deliver, args=(slow.public_id,))
        thread.start()
        assert hanging.asked.wait(30)
        deliver(quick.public_id, actor=SYSTEM)
        happened(5, user_email="viewer@example.com")
        look()
        assert (len(receiver.got), len(alerts())) == (1, 3)
        hanging.released.set()
        thread.join()
    slow.refresh_from_db()
    assert slow.failures == 1


def _deliver(channel_id: str) -> None:
    try:
        deliver(channel_id, actor=SYSTEM)
    finally:
        connection.close()
