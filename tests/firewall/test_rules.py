from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from firewall.models import IpRule, PolicyVersion, RuleAction
from firewall.publishing import newest_policy
from firewall.services import allow, block, reconcile, remove_rule, rule_by_id, rule_on
from projects.services import delete_project
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.client_ip import parse_address, parse_networks
from temps.lib.errors import Conflict, Denied, Invalid, NotFound
from tests.world import World, acting


def blocked(address: str, project: str | None = None) -> bool:
    return newest_policy().judge(parse_address(address), project, clock.now()).blocked


def events(operation: str) -> list[Any]:
    from audit.models import Event

    return list(Event.objects.filter(operation=operation))


@pytest.mark.promise("F-01", "L-01")
def test_a_rule_is_made_published_and_recorded_at_once(world: World) -> None:
    rule = block("203.0.113.0/24", actor=acting(world.owner), project=world.project, reason=" scanner ")
    assert (rule.reason, rule.created_by, rule.family) == ("scanner", "owner@example.com", 4)
    assert blocked("203.0.113.9", "shop")
    assert not blocked("203.0.113.9")
    (event,) = events("IP_RULE_CREATE")
    assert (event.resource_id, event.project) == (rule.public_id, "shop")
    remove_rule(rule, actor=acting(world.owner))
    assert not blocked("203.0.113.9", "shop")
    assert events("IP_RULE_DELETE")[0].metadata["why"] == "removed"


@pytest.mark.promise("R-05")
def test_who_may_change_what(world: World) -> None:
    with pytest.raises(Denied):
        block("203.0.113.0/24", actor=acting(world.owner))
    with pytest.raises(Denied):
        block("203.0.113.0/24", actor=acting(world.member), project=world.project)
    rule = block("203.0.113.0/24", actor=acting(world.outsider), project=world.other)
    with pytest.raises(NotFound):
        rule_by_id(rule.public_id, actor=acting(world.owner))
    with pytest.raises(Denied):
        remove_rule(rule, actor=acting(world.owner))
    assert not events("IP_RULE_DELETE")


@pytest.mark.promise("R-05")
def test_rules_are_seen_where_the_firewall_may_be_read(world: World) -> None:
    here = block("203.0.113.0/24", actor=world.operator, project=world.project)
    everywhere = block("203.0.113.0/24", actor=world.operator)
    assert list(IpRule.objects.visible_to(acting(world.viewer))) == [here]
    assert list(IpRule.objects.visible_to(acting(world.platform_viewer))) == [everywhere, here]
    assert not IpRule.objects.visible_to(acting(world.outsider)).exists()


def test_a_network_has_one_rule_in_a_scope(world: World) -> None:
    block("203.0.113.0/24", actor=world.operator)
    with pytest.raises(Conflict, match=r"there is a rule already: block 203\.0\.113\.0/24 on platform"):
        allow("::ffff:203.0.113.0/120", actor=world.operator)
    assert allow("203.0.113.0/24", actor=world.operator, project=world.project).scope == "shop"


def test_an_expired_rule_steps_aside_and_is_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = block("203.0.113.0/24", actor=world.operator, expires_at=clock.now() + timedelta(hours=1))
    IpRule.objects.filter(pk=rule.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    assert block("203.0.113.0/24", actor=world.operator).pk != rule.pk
    assert events("IP_RULE_DELETE")[0].metadata["why"] == "expired"


def test_what_cannot_be_a_rule_changes_nothing(world: World) -> None:
    for network in ("0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.1/8"):
        with pytest.raises(Invalid):
            block(network, actor=world.operator, confirm=True)
    with pytest.raises(Invalid, match="expired already"):
        block("203.0.113.0/24", actor=world.operator, expires_at=clock.now())
    with pytest.raises(Invalid, match="200"):
        block("203.0.113.0/24", actor=world.operator, reason="x" * 201)
    assert not IpRule.objects.exists()
    assert not PolicyVersion.objects.exists()


@pytest.mark.parametrize("network", ["192.0.2.10", "192.0.2.0/24", "::ffff:192.0.2.0/120"])
def test_nobody_cuts_themselves_off_by_a_slip(world: World, network: str) -> None:
    actor = acting(world.admin)
    with pytest.raises(Conflict, match=r"cut off your own address 192\.0\.2\.10"):
        block(network, actor=actor)
    assert not IpRule.objects.exists()
    block(network, actor=actor, confirm=True)
    assert blocked("192.0.2.10")


def test_taking_away_ones_own_exception_is_a_slip_too(world: World) -> None:
    actor = acting(world.admin)
    exception = allow("192.0.2.10", actor=actor)
    block("192.0.2.0/24", actor=actor)
    with pytest.raises(Conflict, match="your own address"):
        remove_rule(exception, actor=actor)
    remove_rule(exception, actor=actor, confirm=True)
    assert blocked("192.0.2.10")


def test_a_trusted_proxy_is_blocked_on_purpose_only(world: World, settings: Any) -> None:
    settings.TRUSTED_PROXIES = parse_networks(["2001:db8::/64", "10.0.0.5/32"])
    with pytest.raises(Conflict, match=r"the trusted proxy 10\.0\.0\.5/32"):
        block("10.0.0.0/8", actor=world.operator)
    assert block("10.0.0.0/8", actor=world.operator, confirm=True)


def test_the_operator_may_block_the_machine_itself(world: World) -> None:
    block("127.0.0.1", actor=world.operator)
    assert blocked("127.0.0.1")


def test_a_rule_is_found_by_its_network(world: World) -> None:
    rule = block("203.0.113.0/24", actor=world.operator)
    assert rule_on("203.0.113.0/24", RuleAction.BLOCK, actor=world.operator) == rule
    with pytest.raises(NotFound):
        rule_on("203.0.113.0/24", RuleAction.ALLOW, actor=world.operator)
    assert list(IpRule.objects.covering(parse_address("203.0.113.255"))) == [rule]
    assert not IpRule.objects.covering(parse_address("::cb00:71ff")).exists()


def test_a_rule_removed_twice_is_recorded_once(world: World) -> None:
    rule = block("203.0.113.0/24", actor=world.operator)
    remove_rule(IpRule.objects.get(pk=rule.pk), actor=world.operator)
    with pytest.raises(NotFound):
        remove_rule(rule, actor=world.operator)
    assert len(events("IP_RULE_DELETE")) == 1


def test_reconcile_removes_what_expired_and_finds_what_went_away(world: World) -> None:
    system = Actor.system("firewall.reconcile")
    rule = block("203.0.113.0/24", actor=world.operator, expires_at=clock.now() + timedelta(hours=1))
    block("198.51.100.0/24", actor=world.operator, project=world.project)
    IpRule.objects.filter(pk=rule.pk).update(expires_at=clock.now())
    delete_project(world.project, actor=world.operator)
    assert reconcile(actor=system) == 1
    assert not blocked("198.51.100.1", "shop")
    versions = PolicyVersion.objects.count()
    assert reconcile(actor=system) == 0
    assert PolicyVersion.objects.count() == versions


def test_reconcile_is_not_for_everyone(world: World) -> None:
    with pytest.raises(Denied):
        reconcile(actor=Actor.system("audit.export"))
