"""A syslog connection. The protocol has no acknowledgement, so this asks the network all that it can tell.

A batch counts as taken when the kernel of the peer has acknowledged every byte and the connection is still open
afterwards. What the peer's program had not read yet when it died is lost without a sign; so, when a connection breaks,
everything of the last :data:`UNSURE` seconds is sent again over the next: once, since a peer that closes after every
message would otherwise get the same one for ever.
"""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import termios
import time
from collections import deque

from temps.lib.errors import Unavailable
from temps.lib.outgoing import TIMEOUT, Watch, connect, in_tls, reason, tls_context

UNSURE = 60.0
"""Seconds during which a program may not yet have read what its kernel took."""
PATIENCE = 15.0
"""Seconds until the peer must have taken a batch."""
POLL = 0.005


class Closed(OSError):
    """The peer has closed the connection."""


class SyslogConnection:
    def __init__(self, host: str, port: int, *, tls: bool, ca: str = "") -> None:
        self._host, self._port = host, port
        self._context = tls_context(ca) if tls else None
        self._sock: socket.socket | None = None
        self._recent: deque[tuple[float, int]] = deque()
        """When the batches of the last moments were sent, and the first position of each."""
        self._sent = 0
        """The position after the last entry that was sent so far."""

    def send(self, data: bytes, *, first: int = 0, end: int = 0) -> None:
        """Return once the peer has taken ``data``, which holds the entries from ``first`` to before ``end``, if any.

        Raises :class:`Unavailable` and closes the connection otherwise.
        """
        try:
            sock = self._sock = self._sock or self._open()
            with Watch(sock, PATIENCE):
                sock.sendall(data)
                _wait_until_taken(sock)
            if is_closed(sock):
                raise Closed("it closed the connection")
        except OSError as error:
            self.close()
            raise Unavailable(f"{self._host} cannot be reached ({reason(error)})") from None
        self._remember(first, end)

    def lost(self) -> int | None:
        """If the peer has closed the connection: the position from which on its program may not have read.

        Told once; None if the connection is open, or nothing was sent over it lately.
        """
        if self._sock is not None and is_closed(self._sock):
            self.close()
        if self._sock is not None or not self._recent:
            return None
        self._forget_old()
        oldest = self._recent[0][1] if self._recent else None
        self._recent.clear()
        return oldest

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _open(self) -> socket.socket:
        sock = connect(self._host, self._port)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a peer that vanished silently is noticed when idle
        if self._context is None:
            return sock
        return in_tls(sock, self._host, self._context)

    def _remember(self, first: int, end: int) -> None:
        self._forget_old()
        new = max(first, self._sent)
        if new < end:
            self._recent.append((time.monotonic(), new))
            self._sent = end

    def _forget_old(self) -> None:
        while self._recent and time.monotonic() - self._recent[0][0] > UNSURE:
            self._recent.popleft()


def is_closed(sock: socket.socket) -> bool:
    """Whether the peer has closed or broken the connection. What it says is read and ignored: syslog has no answers."""
    sock.settimeout(0)
    try:
        while sock.recv(4096):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        sock.settimeout(TIMEOUT)
    return True


def _wait_until_taken(sock: socket.socket) -> None:
    """Wait until the peer's kernel has acknowledged every byte (Linux tells; elsewhere this cannot be known)."""
    while _unacknowledged(sock):
        if is_closed(sock):
            raise Closed("it closed the connection")
        time.sleep(POLL)


def _unacknowledged(sock: socket.socket) -> int:
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])
