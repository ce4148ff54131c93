"""What a stranger types at the sign-in is told to administrators: it must arrive there as text and as nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from audit import folding
from audit.alerts import channels, wording
from audit.alerts.models import Alert, Message
from audit.alerts.telling import send
from temps.lib import clock
from tests.audit.alerts.made import happened, look
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-09", "O-10")]
SignIn = Callable[[User], Client]
CRAFTED = '"<https://evil.example/|Sign~in~again>`*x*<b>&"@example.com'
"""An address by RFC 5321, whose local part may hold anything in quotes."""


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path, settings: Any) -> None:
    """A checkpoint file of the test's own, and a mail server that is set."""
    settings.EMAIL_HOST = "mail.example.com"


@pytest.fixture
def told(world: World, client: Client) -> Message:
    """The message about failed sign-ins with a crafted address and user agent."""
    channels.add_mail("ops", "admin@example.com", actor=world.operator)
    with time_machine.travel(clock.now(), tick=False) as later:
        for _attempt in range(6):
            client.post("/accounts/login/", {"login": CRAFTED, "password": "x"}, headers={"User-Agent": CRAFTED})
        later.shift(61)
        folding.close_folds()
        look()
    message = Message.objects.get()
    assert "evil.example" in message.alerts[0]["group"], "the attack did not get this far"
    return message


def test_no_link_and_no_markup_arrives_in_slack(told: Message) -> None:
    text = json.loads(wording.slack(told))["text"]
    assert "<https://evil" not in text
    assert "://evil" not in text
    span = text[text.index("`") : text.rindex("`")]
    assert ("evil.example" in span, "&lt;https[:]//" in span, span.count("`")) == (True, True, 1)


def test_no_link_arrives_in_mail(told: Message) -> None:
    assert "://evil" not in wording.plain(told) + wording.subject(told)


def test_the_console_shows_text(told: Message, world: World, signed_in: SignIn) -> None:
    client = signed_in(world.admin)
    for path in ("/audit_alerts/alert/", f"/audit_alerts/alert/{Alert.objects.get().pk}/change/", "/"):
        page = client.get(path).content.decode()
        assert "<https://evil" not in page
        assert "<b>&" not in page


def test_a_line_end_makes_no_header_of_a_mail(world: World, mailoutbox: Any) -> None:
    happened(5, user_email="a\r\nBcc: everyone@example.com")
    channel = channels.add_mail("ops", "admin@example.com", actor=world.operator)
    look()
    send(channel, Message.objects.get())
    (mail,) = mailoutbox
    assert (mail.recipients(), "\n" in mail.subject) == (["admin@example.com"], False)
