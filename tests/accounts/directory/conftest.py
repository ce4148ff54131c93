from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.directory.models import Directory
from accounts.directory.services import create_directory
from tests.slapd import GROUPS, PEOPLE, READER, READER_SECRET, Slapd, require_python_ldap, slapd
from tests.world import World

Make = Callable[..., Directory]


@pytest.fixture(scope="session")
def running_slapd() -> Iterator[Slapd]:
    require_python_ldap()
    with slapd() as server:
        yield server


@pytest.fixture
def server(running_slapd: Slapd) -> Slapd:
    """A server that knows nobody yet."""
    running_slapd.clear()
    return running_slapd


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    kept.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield listening.getsockname()[1]
        for one in kept:
            one.close()


@pytest.fixture
def make(world: World, server: Slapd) -> Make:
    """Adds the server as a directory that makes accounts."""

    def make(**more: Any) -> Directory:
        usual: dict[str, Any] = {
            "uris": server.ldaps,
            "ca_bundle": server.authority,
            "bind_dn": READER,
            "bind_password": READER_SECRET,
            "user_base": PEOPLE,
            "group_base": GROUPS,
            "create_accounts": True,
            "timeout": 3,
        }
        return create_directory(more.pop("name", "corp"), actor=world.operator, **(usual | more))

    return make
