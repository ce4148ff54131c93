"""The address of the client, which firewall, limits and audit trust.

The socket's peer is the client unless the peer is a configured proxy. Then ``X-Forwarded-For`` is read from the right,
past the proxies that are trusted; what stands further left was written by strangers and decides nothing (RFC 7239
section 8.1 warns of exactly this).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_HOPS = 32
"""A longer header is not a chain of proxies but an attempt to keep us busy."""


class UnknownClient(ValueError):
    """The header that a trusted proxy sent is malformed: refuse rather than guess."""


def parse_address(text: str) -> Address:
    """One address, IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2) unwrapped, so that a rule for IPv4 cannot be dodged."""
    address = ip_address(text.strip())
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.scope_id is not None:
            raise ValueError("an address with a zone is not a client address")
    return address


def parse_networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR form; host bits must be zero, since ``10.0.0.1/8`` is more often a slip than a wish."""
    return tuple(ip_network(entry.strip()) for entry in entries)


def _trusted(address: Address, proxies: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in proxies)


def client_address(peer: str, forwarded_for: str | None, proxies: Sequence[Network]) -> Address:
    """The first address from the right that is not a trusted proxy.

    Raises :class:`UnknownClient` when a trusted proxy sent something that is not a list of addresses, or when every
    address is a proxy's own.
    """
    try:
        address = parse_address(peer)
    except ValueError:
        raise UnknownClient("the peer has no IP address") from None
    if not _trusted(address, proxies):
        return address
    if not forwarded_for or not forwarded_for.strip():
        return address
    hops = forwarded_for.split(",")
    if len(hops) > MAX_HOPS:
        raise UnknownClient(f"X-Forwarded-For names more than {MAX_HOPS} hops")
    for hop in reversed(hops):
        try:
            address = parse_address(hop)
        except ValueError:
            raise UnknownClient("X-Forwarded-For holds something that is not an address") from None
        if not _trusted(address, proxies):
            return address
    raise UnknownClient("X-Forwarded-For names trusted proxies only")
