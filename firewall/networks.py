"""Networks as people type them and as tables keep them."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

from temps.lib.client_ip import Address, Network, parse_address
from temps.lib.errors import Invalid

MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4-mapped IPv6 addresses (RFC 4291 section 2.5.5.2): another spelling of IPv4, judged as IPv4."""


class Bounds(NamedTuple):
    family: int
    first: int
    last: int


def clean_address(text: str, *, field: str = "address") -> Address:
    """One address, IPv4-mapped IPv6 unwrapped. Raises :class:`Invalid`."""
    try:
        return parse_address(text)
    except ValueError:
        raise Invalid(f"{_quoted(text)} is not an IP address", field=field) from None


def clean_network(text: str, *, field: str = "network") -> Network:
    """A network in CIDR form, or one address as the network of that address alone. Raises :class:`Invalid`.

    Host bits must be zero: ``10.0.0.1/8`` is a slip as often as a wish, and the two differ by 16 million addresses.
    """
    address, slash, length = text.strip().partition("/")
    zoned = "%" in address  # RFC 4007: a zone means something on one machine alone
    if zoned or (slash and not (length.isascii() and length.isdigit())):
        raise _not_a_network(text, field)
    try:
        network = ip_network((address, int(length)) if slash else address, strict=False)
        base = ip_address(address)
    except ValueError:
        raise _not_a_network(text, field) from None
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        ipv4 = parse_address(str(network.network_address))
        network = ip_network((int(ipv4).to_bytes(4, "big"), network.prefixlen - MAPPED.prefixlen))
        base = parse_address(str(base))
    if base != network.network_address:
        hint = f"the network is {network}, the one address is {base}"
        raise Invalid(f"{_quoted(text)} has host bits set: {hint}", field=field)
    return network


def bounds(network: str) -> Bounds:
    """First and last address of a network in its canonical spelling, fast enough for a hundred thousand of them.

    Raises OSError or ValueError for what is not a network.
    """
    text, _, length = network.partition("/")
    family, bits, socket_family = (6, 128, AF_INET6) if ":" in text else (4, 32, AF_INET)
    first = int.from_bytes(inet_pton(socket_family, text), "big")
    return Bounds(family, first, first | ((1 << (bits - int(length))) - 1))


def hexadecimal(number: int) -> str:
    """An address as text that sorts like the number."""
    return f"{number:032x}"


def _not_a_network(text: str, field: str) -> Invalid:
    return Invalid(
        f"{_quoted(text)} is not a network: give an address or CIDR, such as 203.0.113.7 or 2001:db8::/32", field=field
    )


def _quoted(text: str) -> str:
    return f"'{text.strip()[:60]}'"
