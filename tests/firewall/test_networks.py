from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as some

from firewall.networks import bounds, clean_network, hexadecimal
from temps.lib.errors import Invalid

pytestmark = pytest.mark.promise("F-01")


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        (" 203.0.113.0/24 ", "203.0.113.0/24"),
        ("2001:DB8:0:0::/64", "2001:db8::/64"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ],
)
def test_a_network_has_one_spelling(text: str, network: str) -> None:
    assert str(clean_network(text)) == network


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/٨", "10.0.0.0/8/8"),
        *("10.0.0.0/255.0.0.0", "10.0.0", "010.0.0.1", "10.0.0.1-10.0.0.9", "fe80::1%eth0", "example.com", "1" * 5000),
    ],
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        clean_network(text)
    assert caught.value.field == "network"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("text", ["10.0.0.1/8", "2001:db8::1/64", "::ffff:10.0.0.1/104"])
def test_host_bits_are_refused_with_both_readings(text: str) -> None:
    with pytest.raises(Invalid, match=r"host bits set: the network is .*/.*, the one address is"):
        clean_network(text)


@given(some.ip_addresses(), some.integers(0, 128))
def test_bounds_are_those_of_the_network(address: object, length: int) -> None:
    network = ip_network(f"{address}/{length if ':' in str(address) else length % 33}", strict=False)
    expected = (network.version, int(network.network_address), int(network.broadcast_address))
    assert bounds(str(network)) == expected


@given(some.integers(0, 2**128 - 1), some.integers(0, 2**128 - 1))
def test_hexadecimal_sorts_like_the_number(one: int, other: int) -> None:
    assert (hexadecimal(one) < hexadecimal(other)) == (one < other)
