"""The connection beneath LDAP: ours, so that its TLS, its addresses and its limits are those of ``temps.lib.outgoing``.

OpenLDAP's library would choose the address itself, take its authorities from files and the environment, and wait for
ever in a TLS handshake with a server that says nothing. So it speaks into a pair of sockets of this process, and what
it says is carried from there into a connection that was judged and verified already.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from accounts.directory.errors import DirectoryFault
from accounts.directory.models import Security
from temps.lib.outgoing import Watch, connect, reason, tls_context

PORTS = {"ldap": 389, "ldaps": 636}
CHUNK = 65536

# An ExtendedRequest (RFC 4511 section 4.12) with message id 1, whose name is that of StartTLS (section 4.14).
_STARTTLS_NAME = b"1.3.6.1.4.1.1466.20037"
_STARTTLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _STARTTLS_NAME
_SUCCESS = b"\x0a\x01\x00"
"""ENUMERATED 0, the result code, as the response begins with it."""


@contextmanager
def wire(uri: str, security: Security, authorities: str, *, seconds: float, whole: float) -> Iterator[int]:
    """A file descriptor for OpenLDAP's library, which closes it, that leads to the server ``uri``.

    ``seconds`` is for each of connecting and the handshake; after ``whole`` the connection is cut. Raises
    :class:`DirectoryFault`.
    """
    try:
        outer = _connected(uri, security, authorities, seconds)
    except (OSError, UnicodeError) as error:
        raise DirectoryFault(f"{uri}: {reason(error)}") from None
    inner, theirs = socket.socketpair()
    carrier = threading.Thread(target=_carry, args=(inner, outer), daemon=True, name="ldap-wire")
    carrier.start()
    try:
        with Watch(outer, whole):
            yield theirs.detach()
    except TimeoutError:
        raise DirectoryFault(f"{uri}: no answer in time") from None
    finally:
        for one in (inner, outer):
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # wakes the carrier, which closes them
        carrier.join()


def _connected(uri: str, security: Security, authorities: str, seconds: float) -> socket.socket:
    parts = urlsplit(uri)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    plain = connect(host, port, seconds=seconds)
    try:
        plain.settimeout(seconds)
        if security is Security.NONE:
            return plain
        if security is Security.STARTTLS:
            with Watch(plain, seconds):
                _ask_for_tls(plain)
        wrapped = tls_context(authorities).wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    except Exception:
        plain.close()
        raise
    try:
        with Watch(wrapped, seconds):
            wrapped.do_handshake()
    except Exception:
        wrapped.close()
        raise
    return wrapped


def _ask_for_tls(plain: socket.socket) -> None:
    """Say StartTLS and read its answer and not a byte more: what came in plain must not count as said in TLS."""
    plain.sendall(_STARTTLS)
    head = _read(plain, 2)
    length = head[1]
    if head[0] == 0x30 and 0x81 <= length <= 0x84:  # the long form of a length (X.690 section 8.1.3.5)
        length = int.from_bytes(_read(plain, length - 0x80), "big")
    if head[0] != 0x30 or not 0 < length <= 4096:
        raise OSError("it does not speak LDAP")
    # The message id, the tag of an ExtendedResponse with its length, and first of all in it the result code.
    answer = _read(plain, length)
    start = answer.find(b"\x78", 3, 6)
    if not answer.startswith(b"\x02\x01\x01") or start < 0 or _SUCCESS not in answer[start + 2 : start + 9]:
        raise OSError("it does not begin TLS")


def _read(plain: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        more = plain.recv(count - len(read))
        if not more:
            raise OSError("it ended the connection")
        read += more
    return read


def _carry(inner: socket.socket, outer: socket.socket) -> None:
    """Carry both ways until one of the two ends, or is cut. One thread does both: TLS wants it so."""
    outer.setblocking(False)
    poll = select.poll()
    poll.register(inner, select.POLLIN)
    poll.register(outer, select.POLLIN)
    with inner, outer, suppress(OSError):
        while True:
            ready = {number for number, _event in poll.poll()}
            if outer.fileno() in ready and not _carry_in(outer, inner):
                return
            if inner.fileno() in ready:
                said = inner.recv(CHUNK)
                if not said:
                    return
                _send(outer, said)


def _carry_in(outer: socket.socket, inner: socket.socket) -> bool:
    """Carry what has come, all of it: what TLS has decrypted already no poll will tell of. False at the end."""
    while True:
        try:
            come = outer.recv(CHUNK)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return True
        if not come:
            return False
        inner.sendall(come)


def _send(outer: socket.socket, said: bytes) -> None:
    rest = memoryview(said)
    while rest:
        rest = rest[_when_ready(outer, rest) :]


def _when_ready(outer: socket.socket, rest: memoryview) -> int:
    send: Callable[[memoryview], int] = outer.send
    while True:
        try:
            return send(rest)
        except ssl.SSLWantReadError:
            _await(outer, select.POLLIN)
        except (ssl.SSLWantWriteError, BlockingIOError):
            _await(outer, select.POLLOUT)


def _await(outer: socket.socket, event: int) -> None:
    poll = select.poll()
    poll.register(outer, event)
    poll.poll()
