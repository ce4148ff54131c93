from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from django.core import mail as django_mail
from django.test import Client

from accounts.links.tasks import continue_unsent, send
from accounts.mail.tasks import tell
from tests.peers import free_port

TASKS: dict[str, Callable[..., None]] = {"links.send": send, "links.continue": continue_unsent, "mail.tell": tell}
LINK = re.compile(r"https?://[^\s/]+(/accounts/open/\S+)")


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> Any:
    """Runs the tasks that are asked for within the block, when it ends."""

    def run(task: str, args: tuple[Any, ...] = (), **_options: Any) -> None:
        if task in TASKS:
            TASKS[task](*args)

    monkeypatch.setattr("temps.celery.app.send_task", run)

    def working() -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = django_capture_on_commit_callbacks(execute=True)
        return block

    return working


@dataclass
class Post:
    """What people do with the mail that they get. What is sent stays in memory."""

    worker: Any

    @property
    def messages(self) -> list[Any]:
        return list(getattr(django_mail, "outbox", []))

    def to(self, address: str) -> list[Any]:
        return [message for message in self.messages if message.to == [address]]

    def link_to(self, address: str) -> str:
        """The path of the newest link that was mailed to ``address``."""
        return self.links_to(address)[-1]

    def links_to(self, address: str) -> list[str]:
        return [found[1] for message in self.to(address) if (found := LINK.search(message.body))]

    def ask(self, client: Client, page: str, address: str, **extra: Any) -> Any:
        with self.worker():
            return client.post(f"/accounts/{page}/", {"email": address}, **extra)


@pytest.fixture
def post(settings: Any, worker: Any) -> Post:
    settings.EMAIL_HOST = "mail.example.com"
    return Post(worker)


@pytest.fixture
def mailbox_port() -> Iterator[int]:
    """Where a real mail server takes everything."""
    server = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    server.start()
    yield server.port
    server.stop()
