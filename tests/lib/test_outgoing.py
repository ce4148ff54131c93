from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from temps.lib import outgoing
from temps.lib.outgoing import Forbidden, Watch, connect, is_forbidden

METADATA = [
    *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::169.254.169.254"),
    *("::ffff:0:a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::", "2001:0:a9fe:a9fe::1"),
    *("fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "fd00:c1::a9fe:a9fe", "fd00:100::100:200", "fd00:a9fe:a9fe::1"),
]


def resolves_to(address: str, asked: list[str]) -> Callable[..., Any]:
    def getaddrinfo(host: str, port: int, **_options: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return getaddrinfo


@pytest.mark.parametrize(
    "address", [*METADATA, "fe80::1%eth0", "0.0.0.1", "::", "224.0.0.1", "ff02::1", "100.100.100.200"]
)
def test_nothing_is_sent_to_metadata_services_however_they_are_written(address: str) -> None:
    assert is_forbidden(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd12::1", "192.0.2.1", "2001:db8::1"),
        *("fd20:ce::1", "fd00:42::1", "64:ff9b::c000:201", "::ffff:0:c000:201"),
    ],
)
def test_one_s_own_network_and_the_world_are_fair_targets(address: str) -> None:
    assert not is_forbidden(address)


@pytest.mark.parametrize("address", METADATA)
def test_a_name_that_leads_to_the_metadata_service_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to(address, asked))
    with pytest.raises(Forbidden):
        connect("innocent.example.com", 80)


def test_the_address_that_was_judged_is_the_one_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second answer of the name server changes nothing: there is no second question about the name."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked: list[str] = []
        port = server.getsockname()[1]
        real, answer = socket.getaddrinfo, resolves_to("127.0.0.1", asked)
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *a, **o: real(host, *a, **o) if host == "127.0.0.1" else answer(host, *a, **o),
        )
        connect("rebinding.example.com", port).close()
    assert asked == ["rebinding.example.com"]


@pytest.mark.parametrize("text", ["0x7f000001", "2852039166", "169.254.43518", "0251.0376.0251.0376"])
def test_odd_spellings_of_an_address_are_judged_by_what_they_lead_to(text: str) -> None:
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(text, 80, type=socket.SOCK_STREAM)}
    except socket.gaierror:
        return  # this system does not read it, so nothing is connected to
    for address in found - {"127.0.0.1"}:
        assert is_forbidden(address)


def read_all(sock: socket.socket) -> None:
    with Watch(sock, 0.2):
        while sock.recv(1):
            pass


def test_a_peer_that_drips_is_cut_off_when_the_time_is_up() -> None:
    near, far = socket.socketpair()
    done = threading.Event()

    def drip() -> None:
        try:
            while not done.wait(0.01):
                far.sendall(b".")
        except OSError:
            done.set()

    threading.Thread(target=drip, daemon=True).start()
    with near, far, pytest.raises(TimeoutError):
        read_all(near)
    done.set()


def test_what_a_peer_says_is_not_repeated() -> None:
    assert outgoing.reason(ValueError("secret of the peer")) == "what it answers is not understood"
    assert outgoing.reason(socket.gaierror(-2, "x")) == "its name has no address"
