from __future__ import annotations

from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from temps.lib import mail
from temps.lib.errors import Unavailable
from tests.peers import free_port


class Kept(MessageHandler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.messages.append(message)


@pytest.fixture
def mailbox(settings: Any) -> Any:
    """A real mail server."""
    handler = Kept()
    server = Controller(handler, hostname="127.0.0.1", port=free_port())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", server.port, False
    server.start()
    yield handler
    server.stop()


def test_mail_arrives_at_a_server(mailbox: Kept) -> None:
    mail.send("Hello", "one line\n", ["owner@example.com", "admin@example.com"])
    message = mailbox.messages[0]
    assert (message["Subject"], message["To"]) == ("Hello", "owner@example.com, admin@example.com")
    assert (message["Auto-Submitted"], message.get_payload().strip()) == ("auto-generated", "one line")


def test_a_subject_cannot_add_headers(mailbox: Kept) -> None:
    mail.send("Hello\r\nBcc: outsider@example.com\n", "x\n", ["owner@example.com"])
    assert mailbox.messages[0]["Subject"] == "Hello Bcc: outsider@example.com"
    assert mailbox.messages[0]["X-RcptTo"] == "owner@example.com"


@pytest.mark.django_db
def test_without_a_server_it_says_so(settings: Any) -> None:
    settings.EMAIL_HOST = ""
    with pytest.raises(Unavailable, match="temps mail set"):
        mail.send("x", "x", ["owner@example.com"])


def test_a_server_that_is_down_is_told_without_its_name(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    with pytest.raises(Unavailable, match="did not take"):
        mail.send("x", "x", ["owner@example.com"])
