from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from firewall.models import IpRule, RateLimit
from firewall.services import block
from tests.world import World

SignIn = Callable[..., Any]
ADD = "/firewall/iprule/add/"


@pytest.mark.promise("F-01")
def test_a_rule_is_made_and_removed_in_the_console(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.owner)
    given = {"action": "block", "network": "203.0.113.0/24", "project": world.project.pk, "reason": "scanner"}
    assert client.post(ADD, given).status_code == 302
    rule = IpRule.objects.get()
    assert (rule.project, rule.created_by) == (world.project, "owner@example.com")
    assert client.get(f"/firewall/iprule/{rule.pk}/change/").status_code == 200
    assert client.post(f"/firewall/iprule/{rule.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not IpRule.objects.exists()


def test_a_mistake_is_shown_on_the_form(world: World, signed_in: SignIn) -> None:
    response = signed_in(world.admin).post(ADD, {"action": "block", "network": "10.0.0.1/8"})
    assert response.status_code == 200
    assert "has host bits set" in response.content.decode()
    assert not IpRule.objects.exists()


def test_cutting_oneself_off_asks_for_the_tick(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.admin)
    response = client.post(ADD, {"action": "block", "network": "127.0.0.0/8"})
    assert "your own address" in response.content.decode()
    assert client.post(ADD, {"action": "block", "network": "127.0.0.0/8", "confirm": "on"}).status_code == 302


@pytest.mark.promise("R-05")
def test_the_console_shows_and_takes_ones_own_projects_alone(world: World, signed_in: SignIn) -> None:
    rule = block("203.0.113.0/24", actor=world.operator, project=world.project)
    client = signed_in(world.outsider)
    assert "203.0.113.0/24" not in client.get("/firewall/iprule/").content.decode()
    assert client.get(f"/firewall/iprule/{rule.pk}/change/").status_code == 302
    assert f'value="{world.project.pk}"' not in client.get(ADD).content.decode()
    client.post(ADD, {"action": "block", "network": "198.51.100.0/24", "project": world.project.pk})
    assert client.post(ADD, {"action": "block", "network": "198.51.100.0/24"}).status_code == 403
    assert IpRule.objects.count() == 1


def test_limits_are_set_changed_and_lifted_in_the_console(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.admin)
    assert client.post("/firewall/ratelimit/add/", {"path": "/api/*", "requests": 5, "window": 60}).status_code == 302
    limit = RateLimit.objects.get()
    path = f"/firewall/ratelimit/{limit.pk}/"
    assert client.post(f"{path}change/", {"requests": 9, "window": 60}).status_code == 302
    limit.refresh_from_db()
    assert limit.requests == 9
    assert client.post(f"{path}delete/", {"post": "yes"}).status_code == 302
    assert not RateLimit.objects.exists()
