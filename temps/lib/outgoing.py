"""Connections to addresses that people configured, without letting those addresses turn against us.

A team's own network is a fair target: that is where its log system stands. The addresses where clouds keep the
credentials of a machine are not. A name is resolved once and the connection goes to the address that was judged, so
that a second answer of the name server changes nothing.

A peer may also be slow on purpose: each step of a connection has its limit, and :class:`Watch` ends the whole when its
time is up, however alive it looks byte by byte.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from types import TracebackType

from temps.lib.client_ip import Address, Network

TIMEOUT = 10.0
"""Seconds that connecting, and each reading or writing, may take."""
HANDSHAKE = 10.0
"""Seconds for a whole TLS handshake."""

FORBIDDEN: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/8"),  # "this network" (RFC 1122 section 3.2.1.3)
    IPv4Network("169.254.0.0/16"),  # link-local (RFC 3927): where most clouds answer with credentials
    IPv4Network("224.0.0.0/4"),
    IPv4Network("255.255.255.255/32"),
    IPv6Network("::/128"),
    IPv6Network("fe80::/10"),
    IPv6Network("ff00::/8"),
    # Metadata services that stand elsewhere: Alibaba's, Azure's and Oracle's, then those over IPv6.
    IPv4Network("100.100.100.200/32"),
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.0.0.0/24"),
    IPv6Network("fd00:ec2::/32"),  # Amazon
    IPv6Network("fd20:ce::254/128"),  # Google
    IPv6Network("fd00:42::42/128"),  # Scaleway
    IPv6Network("fd00:c1::a9fe:a9fe/128"),  # Oracle
    IPv6Network("fd00:100::100:200/128"),  # Alibaba
    IPv6Network("fd00:a9fe:a9fe::1/128"),  # Linode
    # IPv4 addresses are hidden in these, and where is up to the network (RFC 8215), or they are two (Teredo, RFC 4380).
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2001::/32"),
)
TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0:0/96"))
"""Addresses that a NAT64 (RFC 6052) or a stateless translator (RFC 2765) turns into the IPv4 address at their end."""
COMPATIBLE = IPv6Network("::/96")
"""IPv4-compatible addresses (RFC 4291 section 2.5.5.1), but for ``::`` and ``::1``."""


class Forbidden(OSError):
    """The name leads to an address where nothing may be sent."""


def is_forbidden(text: str) -> bool:
    """Whether nothing may be sent to the address ``text``: link-local, multicast, unspecified, or cloud metadata."""
    address = _inner(ip_address(text.partition("%")[0]))
    return any(address.version == network.version and address in network for network in FORBIDDEN)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, whichever way it is wrapped; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    translated = any(address in network for network in TRANSLATED)
    if translated or (address in COMPATIBLE and address > IPv6Address("::1")):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def connect(host: str, port: int, *, seconds: float = TIMEOUT) -> socket.socket:
    """A TCP connection to ``host``, at the first of its addresses that answers and is no forbidden one.

    ``seconds`` is for all of its addresses together, after the name was resolved. Raises :class:`OSError`.
    """
    refused: OSError = OSError("it has no address")
    end = time.monotonic() + seconds
    for _family, _type, _protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        place = str(address[0])
        if is_forbidden(place):
            refused = Forbidden("nothing is sent to the address that it has")
            continue
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            return socket.create_connection((place, port), timeout=min(left, TIMEOUT))
        except OSError as error:
            refused = error
    raise refused


def tls_context(authorities: str = "") -> ssl.SSLContext:
    """TLS 1.2 or newer; the peer shows a certificate for its name, by ``authorities`` (PEM) or those of the system."""
    context = ssl.create_default_context(cadata=authorities or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def in_tls(sock: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """``sock`` in TLS with the server ``host``; closed when that fails. Raises :class:`OSError`."""
    wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        with Watch(wrapped, HANDSHAKE):
            wrapped.do_handshake()
    except OSError:
        wrapped.close()
        raise
    return wrapped


class Watch:
    """Cuts the connection when the block takes longer than ``seconds``, which then raises :class:`TimeoutError`.

    The time limit of a socket starts anew with every byte: a peer that sends one every few seconds would keep us for
    hours.
    """

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._expired = threading.Event()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Watch:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._expired.is_set() and (error is None or isinstance(error, Exception)):
            raise TimeoutError from None

    def _cut(self) -> None:
        self._expired.set()
        try:
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # beneath TLS, whose state another thread is using
        except OSError:
            return  # it is closed already


def reason(error: Exception) -> str:
    """Why a connection failed, in words of ours: never those of the peer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, ssl.SSLError):
        return "TLS with it failed"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name has no address"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return "what it answers is not understood"
