from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

import pytest

from firewall.policy import EMPTY, Limit, Policy, Rule, document_of
from temps.lib import clock

NOW = clock.now()


def rule(action: str, network: str, project: str | None = None, expires_in: int | None = None) -> Rule:
    expiry = None if expires_in is None else NOW + timedelta(seconds=expires_in)
    return Rule(f"{action}-{network}", action, network, project, expiry)


def blocked(address: str, *rules: Rule, project: str | None = None) -> bool:
    policy = Policy(document_of(rules, [], "strict"))
    return policy.judge(ip_address(address), project, NOW).blocked


@pytest.mark.promise("F-01")
def test_the_most_specific_rule_decides() -> None:
    rules = (rule("block", "10.0.0.0/8"), rule("allow", "10.1.0.0/16"), rule("block", "10.1.1.0/24"))
    assert blocked("10.9.9.9", *rules)
    assert not blocked("10.1.9.9", *rules)
    assert blocked("10.1.1.9", *rules)
    assert not blocked("192.0.2.1", *rules)


def test_an_exception_opens_nothing_that_a_wider_allow_closed() -> None:
    assert blocked("10.1.1.1", rule("allow", "10.0.0.0/8"), rule("block", "10.1.0.0/16"))


@pytest.mark.promise("F-01")
def test_a_project_refuses_more_than_the_platform_and_never_less() -> None:
    assert blocked("10.1.1.1", rule("block", "10.0.0.0/8"), rule("allow", "10.1.1.1/32", "shop"), project="shop")
    assert blocked("10.1.1.1", rule("allow", "10.0.0.0/8"), rule("block", "10.1.1.1/32", "shop"), project="shop")
    assert not blocked("10.1.1.1", rule("block", "10.1.1.1/32", "shop"), project="other")
    assert not blocked("10.1.1.1", rule("block", "10.1.1.1/32", "shop"))


def test_a_rule_ends_by_the_clock() -> None:
    assert blocked("10.1.1.1", rule("block", "10.0.0.0/8", expires_in=1))
    assert not blocked("10.1.1.1", rule("block", "10.0.0.0/8", expires_in=0))
    assert blocked("10.1.1.1", rule("block", "10.0.0.0/8"), rule("allow", "10.1.1.1/32", expires_in=-5))


def test_ipv6_is_judged_alike() -> None:
    assert blocked("2001:db8::1", rule("block", "2001:db8::/32"))
    assert not blocked("2001:db8::1", rule("block", "32.1.13.184/32"), rule("block", "::/96"))


def test_equal_rows_make_equal_documents() -> None:
    one, other = rule("block", "10.0.0.0/8"), rule("allow", "10.0.0.0/8", "shop")
    limits = [Limit("/a", 1, 1), Limit("", 2, 2)]
    assert document_of([one, other], limits, "strict") == document_of([other, one], limits[::-1], "strict")
    assert Policy(document_of([one], [], "strict")).digest != Policy(EMPTY).digest


@pytest.mark.parametrize("document", ["", "{}", "[]", EMPTY.replace('"format":1', '"format":2'), EMPTY[:-1]])
def test_a_document_that_is_none_is_refused(document: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Policy(document)


def test_limits_are_found_by_path() -> None:
    policy = Policy(document_of([], [Limit("/api/*", 5, 60), Limit("", 9, 60)], "strict"))
    assert policy.limits_on("//API/v1/") == [Limit("/api/*", 5, 60)]
    assert policy.limits_on("/accounts/login/") == []
    assert policy.everywhere == Limit("", 9, 60)
