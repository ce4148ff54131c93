from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from aiosmtpd.controller import Controller

from temps.lib import clock
from tests.audit.sinks.receiver import Receiver, receiving
from tests.lib.test_mail import Kept
from tests.peers import free_port


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path) -> None:
    """A checkpoint file of the test's own."""


@pytest.fixture(autouse=True)
def _mail_server(settings: Any) -> None:
    """One is set, so that mail can be a channel; what is sent stays in memory."""
    settings.EMAIL_HOST = "mail.example.com"


@pytest.fixture
def later() -> Iterator[Any]:
    """A clock to set forward: ``later.shift(seconds)``."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def mailbox(settings: Any, _mail_server: None) -> Iterator[Kept]:
    """A real mail server."""
    handler = Kept()
    server = Controller(handler, hostname="127.0.0.1", port=free_port())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", server.port, False
    server.start()
    yield handler
    server.stop()
