from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as some

from temps.lib.client_ip import MAX_HOPS, UnknownClient, client_address, parse_address, parse_networks

PROXIES = parse_networks(["10.0.0.0/8", "2001:db8:5::/48"])
pytestmark = pytest.mark.promise("F-04")


def test_without_proxies_the_header_is_not_read() -> None:
    assert str(client_address("192.0.2.1", "203.0.113.9", [])) == "192.0.2.1"


def test_a_stranger_cannot_claim_another_address() -> None:
    assert str(client_address("192.0.2.1", "10.0.0.1, 203.0.113.9", PROXIES)) == "192.0.2.1"


def test_what_stands_left_of_the_client_was_written_by_strangers() -> None:
    assert str(client_address("10.0.0.1", "127.0.0.1, 198.51.100.7, 203.0.113.9", PROXIES)) == "203.0.113.9"


def test_proxies_are_walked_past_from_the_right() -> None:
    assert str(client_address("10.0.0.1", "203.0.113.9, 2001:db8:5::1, 10.2.3.4", PROXIES)) == "203.0.113.9"


def test_a_proxy_that_asks_for_itself_is_the_client() -> None:
    assert str(client_address("10.0.0.1", None, PROXIES)) == "10.0.0.1"
    assert str(client_address("10.0.0.1", "  ", PROXIES)) == "10.0.0.1"


@pytest.mark.parametrize(
    "header",
    [
        "unknown",
        "203.0.113.9:443",
        "[2001:db8::1]",
        "203.0.113.9,",
        "fe80::1%eth0",
        "10.1.1.1",
        "1.2.3.4\r\nX: y",
        "٣.1.1.1",
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(header: str) -> None:
    with pytest.raises(UnknownClient):
        client_address("10.0.0.1", header, PROXIES)


def test_a_chain_without_end_is_refused_and_not_read() -> None:
    with pytest.raises(UnknownClient, match="hops"):
        client_address("10.0.0.1", ", ".join(["10.0.0.2"] * (MAX_HOPS + 1)), PROXIES)


def test_a_socket_without_an_address_is_refused() -> None:
    with pytest.raises(UnknownClient):
        client_address("", "203.0.113.9", PROXIES)


@pytest.mark.parametrize("text", ["::ffff:10.0.0.1", "::ffff:a00:1", " 10.0.0.1 "])
def test_ipv4_in_ipv6_clothes_is_ipv4(text: str) -> None:
    assert parse_address(text) == IPv4Address("10.0.0.1")


def test_a_mapped_proxy_is_still_the_proxy() -> None:
    assert str(client_address("::ffff:10.0.0.1", "::ffff:203.0.113.9", PROXIES)) == "203.0.113.9"


@given(some.lists(some.ip_addresses().map(str) | some.text(max_size=20), max_size=6), some.ip_addresses(v=4))
def test_whatever_the_left_says_the_answer_is_the_same(left: list[str], client: IPv4Address) -> None:
    if client in PROXIES[0]:
        return
    header = ",".join([*(part.replace(",", "") for part in left), str(client)])
    assert client_address("10.0.0.1", header, PROXIES) == ip_address(str(client))
