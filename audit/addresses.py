"""Addresses and networks as a filter over text, exact on every database.

Events hold the address as text in its one canonical form (RFC 5952), which is how ``temps.lib.client_ip`` writes it.
Databases disagree on what they know of addresses, so a network becomes a regular expression that matches the texts of
its addresses and no other, with the literal beginning that all of them share, by which a database rejects most rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from django.db.models import Q

from temps.lib.client_ip import Network, parse_address

GROUPS = 8
"""Of 16 bits each, in an IPv6 address."""
ANY_GROUP = "[0-9a-f]{1,4}"


def address_filter(text: str) -> Q:
    """Events from an address, or from a network in CIDR form (``2001:db8::/32``). Raises :class:`ValueError`.

    An IPv4-mapped address is the IPv4 address, as everywhere in Temps. Host bits must be zero.
    """
    if "/" not in text:
        return Q(ip_address=str(parse_address(text)))
    network = ip_network(text.strip())
    if network.prefixlen == network.max_prefixlen:
        return Q(ip_address=str(parse_address(str(network.network_address))))
    return Q(ip_address__startswith=beginning(network)) & Q(ip_address__regex=pattern(network))


def beginning(network: Network) -> str:
    """The characters that the texts of all addresses in ``network`` begin with."""
    if isinstance(network, IPv4Network):
        octets = str(network.network_address).split(".")[: network.prefixlen // 8]
        return "".join(f"{octet}." for octet in octets)
    fixed = ""
    for group in _groups(network)[: network.prefixlen // 16]:
        if group == (0, 0):  # from here on "::" may stand for what is fixed
            break
        fixed += f"{group[0]:x}:"
    return fixed


def pattern(network: Network) -> str:
    """A regular expression, understood alike by Python and PostgreSQL, for the addresses of ``network``."""
    if isinstance(network, IPv4Network):
        lows, highs = network.network_address.packed, network.broadcast_address.packed
        octets = (_octet(low, high) for low, high in zip(lows, highs, strict=True))
        return rf"^{'[.]'.join(octets)}$"
    return f"^({'|'.join(_spellings(network))})$"


def _octet(low: int, high: int) -> str:
    return "[0-9]{1,3}" if (low, high) == (0, 255) else f"({'|'.join(map(str, range(low, high + 1)))})"


def _groups(network: IPv6Network) -> list[tuple[int, int]]:
    """For each group, the lowest and the highest number that it has in ``network``."""
    low, high = network.network_address.packed, network.broadcast_address.packed
    return [
        (int.from_bytes(low[at : at + 2], "big"), int.from_bytes(high[at : at + 2], "big")) for at in range(0, 16, 2)
    ]


def _spellings(network: IPv6Network) -> Iterator[str]:
    """One pattern for each place where "::" can stand in the text, and one for texts without it.

    A text with so many groups before and after "::" says which groups are zero, so each is read in one way only.
    """
    groups = _groups(network)
    patterns = [_group(low, high) for low, high in groups]
    yield ":".join(patterns)
    for before in range(GROUPS):
        for after in range(GROUPS - before):
            if all(low == 0 for low, _high in groups[before : GROUPS - after]):
                yield f"{':'.join(patterns[:before])}::{':'.join(patterns[GROUPS - after :] if after else ())}"


def _group(low: int, high: int) -> str:
    """The numbers from ``low`` to ``high`` in hexadecimal without leading zeros.

    The two differ in their last bits alone, all zero and all one, because a prefix cut them there.
    """
    if (low, high) == (0, 0xFFFF):
        return ANY_GROUP
    if low:  # the bits that are fixed settle how many digits there are
        return "".join(_digit(first, last) for first, last in zip(f"{low:x}", f"{high:x}", strict=True))
    text = f"{high:x}"
    rest = f"[0-9a-f]{{1,{len(text) - 1}}}" if len(text) > 1 else ""
    if text[0] == "f":
        return f"[0-9a-f]{{1,{len(text)}}}"
    return f"{_digit('0', text[0])}{'?' if rest else ''}{rest}"


def _digit(first: str, last: str) -> str:
    if first == last:
        return first
    return f"[{''.join(f'{number:x}' for number in range(int(first, 16), int(last, 16) + 1))}]"
