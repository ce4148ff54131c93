from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection
from django.test import Client

from firewall.hits import hits
from firewall.services import allow, block, remove_rule
from temps.lib import clock
from temps.lib.client_ip import parse_networks
from tests.world import World, acting

Ask = Callable[..., Any]


@pytest.mark.promise("F-01", "F-03")
def test_a_blocked_address_is_refused_until_it_is_not(world: World, ask: Ask) -> None:
    rule = block("203.0.113.0/24", actor=world.operator)
    assert ask("203.0.113.9").status_code == 403
    assert ask("203.0.114.1").status_code == 200
    allow("203.0.113.9", actor=world.operator)
    assert ask("203.0.113.9").status_code == 200
    assert ask("203.0.113.8").status_code == 403
    remove_rule(rule, actor=world.operator)
    assert ask("203.0.113.8").status_code == 200


def test_ipv6_and_ipv4_in_its_clothes(world: World, ask: Ask) -> None:
    block("2001:db8::/32", actor=world.operator)
    block("203.0.113.0/24", actor=world.operator)
    assert ask("2001:db8:1::1").status_code == 403
    assert ask("::ffff:203.0.113.9").status_code == 403
    assert ask("2001:db9::1").status_code == 200


@pytest.mark.promise("F-01")
def test_a_rule_of_a_project_holds_for_requests_about_it(world: World, ask: Ask) -> None:
    block("203.0.113.0/24", actor=acting(world.owner), project=world.project)
    assert ask("203.0.113.9", "/api/v1/projects/shop/").status_code == 403
    assert ask("203.0.113.9", "/api/v1/projects/other/").status_code == 401
    assert ask("203.0.113.9").status_code == 200


def test_a_rule_ends_by_itself(world: World, ask: Ask) -> None:
    block("203.0.113.0/24", actor=world.operator, expires_at=clock.now() + timedelta(minutes=5))
    assert ask("203.0.113.9").status_code == 403
    with time_machine.travel(clock.now() + timedelta(minutes=5), tick=False):
        assert ask("203.0.113.9").status_code == 200


@pytest.mark.promise("F-04")
@pytest.mark.parametrize("claim", ["198.51.100.1", "127.0.0.1", "198.51.100.1, 10.0.0.1"])
def test_a_stranger_cannot_talk_their_way_past_a_block(world: World, client: Client, settings: Any, claim: str) -> None:
    settings.TRUSTED_PROXIES = parse_networks(["10.0.0.1/32"])
    block("203.0.113.0/24", actor=world.operator)
    headers = {"HTTP_X_FORWARDED_FOR": claim, "HTTP_X_REAL_IP": claim, "HTTP_FORWARDED": f"for={claim}"}
    assert client.get("/api/v1/", REMOTE_ADDR="203.0.113.9", **headers).status_code == 403


@pytest.mark.promise("F-04")
def test_a_stranger_cannot_have_another_blocked_or_let_in_from_the_left(world: World, ask: Ask) -> None:
    block("203.0.113.9", actor=world.operator)
    assert ask("198.51.100.1, 203.0.113.9").status_code == 403
    assert ask("203.0.113.9, 198.51.100.1").status_code == 200


@pytest.mark.parametrize("header", ["nonsense", "198.51.100.1, <script>", "1" * 100_000, ", ".join(["127.0.0.1"] * 99)])
def test_a_chain_that_makes_no_sense_gets_no_further(world: World, ask: Ask, header: str) -> None:
    response = ask(header)
    assert response.status_code == 400
    assert b"script" not in response.content
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.promise("F-09")
def test_health_and_certificates_come_before_every_rule(world: World, ask: Ask) -> None:
    block("203.0.113.0/24", actor=world.operator)
    assert ask("203.0.113.9", "/healthz").status_code == 200
    assert ask("203.0.113.9", "/readyz").status_code != 403
    assert ask("203.0.113.9", "/.well-known/acme-challenge/token").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/healthz/", "/./healthz", "/HEALTHZ", "/healthz/../api/v1/", "/static/../api/v1/", "/api/v1/%2e%2e/healthz"),
        *("/.well-known/acme-challenge/../../api/v1/", "/.well-known/acme-challenge/%2e%2e/x", "/healthz;/api/v1/"),
        *("/static/temps/console.css", "/accounts/login/", "/api/docs/", "/%00", "/api/v1/?x=/healthz"),
    ],
)
def test_no_spelling_of_a_path_goes_around_a_block(world: World, ask: Ask, path: str) -> None:
    block("203.0.113.0/24", actor=world.operator)
    assert ask("203.0.113.9", path).status_code == 403


@pytest.mark.parametrize("path", ["/api/v1/projects/SHOP/", "/.//api/v1/projects/shop/", "/api/v1/./projects/shop/"])
def test_no_spelling_of_a_path_goes_around_the_rule_of_a_project(world: World, ask: Ask, path: str) -> None:
    block("203.0.113.0/24", actor=world.operator, project=world.project)
    assert ask("203.0.113.9", path).status_code == 403


def test_a_refusal_names_the_request_and_nothing_of_the_rule(world: World, ask: Ask) -> None:
    rule = block("203.0.113.0/24", actor=world.operator, reason="we know you")
    page, problem = ask("203.0.113.9", "/accounts/login/"), ask("203.0.113.9")
    assert problem["Content-Type"] == "application/problem+json"
    assert problem.json()["requestId"] == problem["X-Request-Id"]
    assert page["X-Request-Id"] in page.content.decode()
    for response in (page, problem):
        assert response["Cache-Control"] == "no-store"
        assert not response.cookies
        for detail in (rule.public_id, "203.0.113", "we know you"):
            assert detail not in response.content.decode()


def test_nothing_passes_before_the_policy_is_known(world: World, ask: Ask, data_dir: Path) -> None:
    def away(*_arguments: Any) -> Any:
        raise DatabaseError

    with connection.execute_wrapper(away):
        response = ask("198.51.100.1")
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert ask("198.51.100.1", "/healthz").status_code == 200
    assert ask("198.51.100.1").status_code == 200


@pytest.mark.promise("F-01")
def test_hits_are_counted_without_a_write_for_each(world: World, ask: Ask, django_assert_num_queries: Any) -> None:
    rule = block("203.0.113.0/24", actor=world.operator)
    ask("203.0.113.9")
    with django_assert_num_queries(1):  # a look for a newer policy, which tests do with every request
        ask("203.0.113.9")
    hits.flush()
    rule.refresh_from_db()
    assert rule.hits == 2
    assert rule.last_hit_at is not None


def test_hits_wait_for_a_database_that_is_away(world: World) -> None:
    rule = block("203.0.113.0/24", actor=world.operator)
    hits.add(rule.public_id)

    def away(*_arguments: Any) -> Any:
        raise DatabaseError

    with connection.execute_wrapper(away):
        hits.flush()
    hits.flush()
    rule.refresh_from_db()
    assert rule.hits == 1


def test_hits_of_a_rule_that_is_gone_are_nobodys(world: World) -> None:
    rule = block("203.0.113.0/24", actor=world.operator)
    hits.add(rule.public_id)
    remove_rule(rule, actor=world.operator)
    hits.flush()
    assert not hits._counts
