from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as some

from firewall.matcher import Matcher
from firewall.networks import bounds
from temps.lib.client_ip import Address, Network


def network(address: Address, length: int) -> Network:
    return ip_network(f"{address}/{length % (address.max_prefixlen + 1)}", strict=False)


# Few distinct high bits, so that networks nest and addresses fall into them.
near = some.sampled_from(["10.0.0.0", "10.0.0.1", "10.0.255.255", "10.255.255.255", "0.0.0.1", "255.255.255.255"])
near6 = some.sampled_from(["::", "2001:db8::", "2001:db8::1", "2001:db8:0:0:ffff::", "ffff:ffff:ffff:ffff::"])
addresses = some.one_of(near.map(ip_address), near6.map(ip_address), some.ip_addresses())
networks = some.sets(some.builds(network, addresses, some.integers(0, 128)), max_size=30)


@given(networks, addresses)
def test_it_finds_what_a_scan_over_all_networks_finds(known: set[Network], address: Address) -> None:
    holding = [one for one in known if one.version == address.version and address in one]
    expected = sorted(holding, key=lambda one: one.prefixlen, reverse=True)
    matcher = Matcher((bounds(str(one)), one) for one in known)
    assert list(matcher.covering(address)) == expected


@given(networks)
def test_the_edges_of_networks_are_inside_and_their_neighbours_are_judged_apart(known: set[Network]) -> None:
    matcher = Matcher((bounds(str(one)), one) for one in known)
    for one in known:
        assert one in list(matcher.covering(one[0]))
        assert one in list(matcher.covering(one[-1]))
        top = int(one[-1]) + 1
        if top < 2**one.max_prefixlen:
            assert one not in list(matcher.covering(type(one[0])(top)))


def test_a_hundred_thousand_networks_answer_by_binary_search() -> None:
    known = {f"{10 + index // 65536}.{index // 256 % 256}.{index % 256}.0/24" for index in range(100_000)}
    matcher = Matcher((bounds(one), one) for one in known)
    assert list(matcher.covering(ip_address("11.0.5.77"))) == ["11.0.5.0/24"]
    assert list(matcher.covering(ip_address("12.0.0.1"))) == []
    assert list(matcher.covering(ip_address("::1"))) == []
