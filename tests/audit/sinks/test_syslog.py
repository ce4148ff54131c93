from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syslog_rfc5424_parser import SyslogMessage

from audit.exporting.formats import render
from audit.models import Event
from audit.sinks import connection, services, syslog
from audit.sinks.batches import Entry
from audit.sinks.connection import SyslogConnection
from audit.sinks.models import Sink
from audit.sinks.stream import Stream
from temps.lib.errors import Unavailable
from tests import rsyslog
from tests.audit.sinks.conftest import Run, Write
from tests.certificates import made
from tests.peers import free_port, wait_for
from tests.world import World

PROMISE = pytest.mark.promise("L-07")


@pytest.fixture
def directory() -> Iterator[Path]:
    with rsyslog.home() as home:
        yield home


def sink_to(port: int, world: World, **given: Any) -> Sink:
    where = {"host": "127.0.0.1", "port": port, "transport": "tcp"} | given
    sink, _none = services.create_sink("logs", "syslog", from_start=True, actor=world.operator, **where)
    return sink


def got(server: rsyslog.Rsyslog) -> list[int]:
    """The positions, in order of arrival."""
    found = (re.search(r'position="(\d+)"', one["structured-data"]) for one in server.received())
    return [int(one[1]) for one in found if one]


# A server that others wrote


@PROMISE
def test_rsyslog_understands_every_part(world: World, write: Write, run: Run, directory: Path) -> None:
    with rsyslog.running(directory, free_port()) as server:
        sink = sink_to(server.port, world)
        write(1)
        run(sink)
        wait_for(lambda: len(server.received()) == sink_size(), "the entries arriving")
        last, event = server.received()[-1], Event.objects.order_by("-position")[0]
    assert last["msg"].encode() == b"\xef\xbb\xbf" + render(event.as_entry(), "json").encode()
    assert json.loads(last["msg"].removeprefix("\ufeff")) == event.as_entry()
    named = (last["app-name"], last["msgid"], last["protocol-version"], last["pri"], last["syslogseverity-text"])
    assert named == ("temps", "SETTINGS_UPDATE", "1", "110", "info")
    data = f'eventId="{event.public_id}" position="{event.position}" operation="SETTINGS_UPDATE" result="success"'
    assert last["structured-data"] == f"[temps@32473 {data}]"


def sink_size() -> int:
    return services.log_size()


@PROMISE
@pytest.mark.parametrize("style", ["json", "cef", "ocsf"])
def test_every_format_arrives_whole(world: World, write: Write, run: Run, directory: Path, style: str) -> None:
    with rsyslog.running(directory, free_port()) as server:
        sink = sink_to(server.port, world, format=style)
        write(1)
        run(sink)
        wait_for(lambda: len(server.received()) == sink_size(), "the entries arriving")
        messages = [one["msg"].removeprefix("\ufeff") for one in server.received()]
    assert messages == [render(event.as_entry(), style) for event in Event.objects.order_by("position")]


@PROMISE
def test_nothing_is_lost_when_the_server_is_restarted(world: World, write: Write, run: Run, directory: Path) -> None:
    """Even what it had not read when it died: that is sent again, so something may come twice, and in order."""
    port = free_port()
    with rsyslog.running(directory, port) as server:
        sink = sink_to(port, world)
        write(150)
        stream = Stream(sink.pk)
        while stream.turn() == 0:
            pass
        wait_for(lambda: len(set(got(server))) == sink_size(), "the first entries arriving")
    write(150)
    stream.turn()
    Sink.objects.update(next_try_at=None)
    with rsyslog.running(directory, port) as server:
        while stream.turn() == 0:
            pass
        wait_for(lambda: len(set(got(server))) == sink_size(), "all entries arriving")
        assert list(dict.fromkeys(got(server))) == list(range(sink_size()))


# TLS


def server_certificate(directory: Path, name: str, ca: made.Made) -> str:
    """For rsyslogd; the PEM of the authority."""
    shown = made.server(name, issuer=ca)
    (directory / "ca.pem").write_text(ca.pem)
    (directory / "server.pem").write_text(shown.pem)
    (directory / "server.key").write_text(shown.key_pem)
    return ca.pem


@PROMISE
def test_over_tls_with_an_authority_of_one_s_own(world: World, write: Write, run: Run, directory: Path) -> None:
    pem = server_certificate(directory, "localhost", made.authority())
    with rsyslog.running(directory, free_port(), tls=True) as server:
        sink = sink_to(server.port, world, host="localhost", transport="tls", ca_bundle=pem)
        write(1)
        assert run(sink).last_error == ""
        wait_for(lambda: len(server.received()) == sink_size(), "the entries arriving")


@PROMISE
@pytest.mark.parametrize(
    ("name", "trusts"), [("other.example.com", "its own"), ("localhost", "another"), ("localhost", "the system")]
)
def test_a_server_that_is_not_the_one_meant_gets_nothing(
    world: World, write: Write, run: Run, directory: Path, name: str, trusts: str
) -> None:
    pem = server_certificate(directory, name, made.authority())
    bundle = {"its own": pem, "another": made.authority("Another").pem, "the system": ""}[trusts]
    with rsyslog.running(directory, free_port(), tls=True) as server:
        sink = run(sink_to(server.port, world, host="localhost", transport="tls", ca_bundle=bundle))
        write(1)
        sink = run(sink)
        assert sink.last_error == "localhost cannot be reached (its certificate is not trusted)"
        assert server.received() == []


# Peers that behave badly


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@PROMISE
def test_a_peer_that_never_reads_is_given_up(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    one = SyslogConnection("127.0.0.1", port_of(listener), tls=False)
    with pytest.raises(Unavailable, match="no answer in time"):
        one.send(b"x" * 50_000_000)


@PROMISE
def test_a_peer_that_speaks_no_tls_is_given_up(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temps.lib.outgoing.HANDSHAKE", 0.3)
    with pytest.raises(Unavailable, match="no answer in time"):
        SyslogConnection("127.0.0.1", port_of(listener), tls=True).send(b"x")


@PROMISE
def test_a_peer_that_closes_after_every_message_gets_each_twice_at_most(listener: socket.socket) -> None:
    """What it may not have read is sent again, once: else such a peer would get the same for ever."""
    one = SyslogConnection("127.0.0.1", port_of(listener), tls=False)
    told = []
    for first in (0, 0, 1):
        one.send(b"x", first=first, end=first + 1)
        peer, _address = listener.accept()
        peer.close()
        wait_for(lambda: one._sock is None or connection.is_closed(one._sock), "the closing being noticed")
        told.append(one.lost())
    assert told == [0, None, 1]


@PROMISE
def test_what_a_peer_says_is_ignored(listener: socket.socket) -> None:
    one = SyslogConnection("127.0.0.1", port_of(listener), tls=False)
    one.send(b"x")
    peer, _address = listener.accept()
    peer.sendall(b"hello " * 10_000)
    one.send(b"y")
    assert one.lost() is None
    peer.close()


# The message itself, by a parser that others wrote

texts = st.text(max_size=200)
# The parser leaves escapes as they are, and takes an escaped backslash for the begin of another escape.
printable = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\\"), max_size=60)


def parsed(data: bytes) -> SyslogMessage:
    return SyslogMessage.parse(data.decode())


def unescaped(value: str) -> str:
    """RFC 5424 section 6.3.3: a backslash before a quote, a backslash or a bracket is an escape."""
    return re.sub(r'\\(["\\\]])', r"\1", value)


@given(texts)
def test_no_value_ends_its_parameter_or_element(value: str) -> None:
    inside = syslog.structured({"value": value}).removeprefix(f'[{syslog.SD_ID} value="').removesuffix('"]')
    assert not value or re.fullmatch(r'(?:[^"\\\]]|\\["\\\]])*', inside)
    assert not value or unescaped(inside) == value.encode("utf-8", "replace").decode()


@given(value=printable, other=printable, text=printable)
def test_any_value_is_escaped(value: str, other: str, text: str) -> None:
    data = syslog.formatted(6, "2024-01-01T00:00:00.123456Z", "TEST", {"value": value, "other": other}, text)
    message = parsed(data)
    wanted = {name: one for name, one in (("value", value), ("other", other)) if one}
    assert {name: unescaped(one) for name, one in message.sd.get(syslog.SD_ID, {}).items()} == wanted
    assert message.msg.removeprefix("\ufeff") == text


@given(texts)
def test_any_text_makes_one_message_of_the_length_that_it_says(text: str) -> None:
    data = syslog.framed(syslog.formatted(6, "2024-01-01T00:00:00Z", "TEST", {"value": text}, text))
    length, _blank, rest = data.partition(b" ")
    assert int(length) == len(rest)
    rest.decode("utf-8")


@given(texts)
def test_a_header_field_holds_nothing_but_printable_ascii(text: str) -> None:
    assert re.fullmatch(r"[!-~]{1,32}", syslog.header(text, 32))


@PROMISE
@pytest.mark.parametrize(("result", "pri"), [("success", 110), ("denied", 108), ("failure", 107)])
def test_what_went_wrong_is_more_severe(result: str, pri: int) -> None:
    entry = {"timestamp": "2024-01-01T00:00:00.000000Z", "operation": "USER_SIGN_IN", "result": result}
    entry["metadata"] = {"eventId": "evt_1", "project": ""}  # type: ignore[assignment]
    message = parsed(syslog.message(Entry(7, entry), "x"))
    assert int(message.facility) * 8 + int(message.severity) == pri
    assert message.sd["temps@32473"]["position"] == "7"
