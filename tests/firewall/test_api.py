from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from firewall.models import IpRule
from firewall.services import allow, block, set_rate_limit
from temps.lib.actor import Credential, CredentialKind
from tests.world import World

Api = Callable[..., Any]
RULES = "/api/v1/firewall/rules/"


@pytest.mark.promise("F-01")
def test_a_rule_is_made_shown_and_removed(world: World, api: Api) -> None:
    client = api(world.owner)
    made = client.post(RULES, {"action": "block", "network": "203.0.113.0/24", "project": "shop"}, format="json")
    assert made.status_code == 201
    assert (made.json()["network"], made.json()["project"]) == ("203.0.113.0/24", "shop")
    path = f"{RULES}{made.json()['id']}/"
    assert client.get(path).json()["created_by"] == "owner@example.com"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


@pytest.mark.promise("R-05")
def test_other_peoples_rules_do_not_exist(world: World, api: Api) -> None:
    rule = block("203.0.113.0/24", actor=world.operator, project=world.project)
    client = api(world.outsider)
    assert client.get(RULES).json()["results"] == []
    assert client.get(f"{RULES}{rule.public_id}/").status_code == 404
    assert client.delete(f"{RULES}{rule.public_id}/").status_code == 404
    foreign = {"action": "block", "network": "203.0.113.0/24", "project": "shop"}
    assert client.post(RULES, foreign, format="json").status_code == 404
    assert client.post(RULES, {"action": "block", "network": "1.2.3.4"}, format="json").status_code == 403


def test_rules_are_found_by_address_project_and_action(world: World, api: Api) -> None:
    block("203.0.113.0/24", actor=world.operator)
    allow("203.0.113.7", actor=world.operator, project=world.project)
    client = api(world.admin)

    def networks(query: str) -> list[str]:
        return [rule["network"] for rule in client.get(f"{RULES}?{query}").json()["results"]]

    assert networks("address=203.0.113.7") == ["203.0.113.7/32", "203.0.113.0/24"]
    assert networks("address=203.0.113.8") == ["203.0.113.0/24"]
    assert networks("project=shop") == ["203.0.113.7/32"]
    assert networks("action=block") == ["203.0.113.0/24"]
    assert client.get(f"{RULES}?address=nonsense").status_code == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "block", "network": "10.0.0.0/33"}, "network"),
        ({"action": "block", "network": "0.0.0.0/0"}, "network"),
        ({"action": "drop", "network": "10.0.0.0/8"}, "action"),
        ({"action": "block"}, "network"),
        ({"action": "block", "network": "10.0.0.0/8", "reason": "x" * 201}, "reason"),
        ({"action": "block", "network": "10.0.0.0/8", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"action": "block", "network": ["10.0.0.0/8"]}, "network"),
    ],
)
def test_bad_input_names_the_field_and_changes_nothing(world: World, api: Api, body: Any, field: str) -> None:
    response = api(world.admin).post(RULES, body, format="json")
    assert response.status_code == 400
    assert field in response.json()["errors"]
    assert not IpRule.objects.exists()


def test_cutting_oneself_off_asks_for_confirmation(world: World, api: Api) -> None:
    client, body = api(world.admin), {"action": "block", "network": "192.0.2.0/24"}
    assert client.post(RULES, body, format="json").status_code == 409
    assert client.post(RULES, body | {"confirm": True}, format="json").status_code == 201


def test_a_key_reaches_no_further_than_its_scopes(world: World, api: Api) -> None:
    key = Credential(CredentialKind.API_KEY, "key", frozenset({"firewall:read"}))
    client = api(world.admin, key)
    assert client.get(RULES).status_code == 200
    assert client.post(RULES, {"action": "block", "network": "1.2.3.4"}, format="json").status_code == 403


@pytest.mark.promise("F-13")
def test_a_simulation_says_the_verdict_and_the_rule(world: World, api: Api) -> None:
    rule = block("203.0.113.0/24", actor=world.operator)
    set_rate_limit("/api/*", 5, timedelta(minutes=1), actor=world.operator)
    answer = api(world.admin).post(
        "/api/v1/firewall/test/", {"address": "203.0.113.9", "path": "/api/v1/"}, format="json"
    )
    assert answer.json()["verdict"] == "blocked"
    assert answer.json()["rule"]["id"] == rule.public_id
    assert answer.json()["limits"][0] == {"path": "/api/*", "requests": 5, "window": 60}
    assert answer.json()["version"] == 2


@pytest.mark.promise("F-13", "R-05")
def test_a_simulation_tells_a_project_nothing_of_the_platforms_rule(world: World, api: Api) -> None:
    rule = block("203.0.113.0/24", actor=world.operator, reason="internal")
    client, path = api(world.viewer), "/api/v1/firewall/test/"
    answer = client.post(path, {"address": "203.0.113.9", "project": "shop"}, format="json")
    assert (answer.json()["verdict"], answer.json()["rule"]) == ("blocked", None)
    assert rule.public_id not in answer.content.decode()
    assert client.post(path, {"address": "203.0.113.9"}, format="json").status_code == 403
    assert client.post(path, {"address": "203.0.113.9", "project": "other"}, format="json").status_code == 404
    assert client.post(path, {"address": "nonsense", "project": "shop"}, format="json").status_code == 400


def test_rate_limits_are_set_shown_and_lifted(world: World, api: Api) -> None:
    client, path = api(world.admin), "/api/v1/firewall/rate-limits/"
    made = client.post(path, {"path": "/api/*", "requests": 5, "window": 60}, format="json")
    assert made.status_code == 201
    assert client.get(path).json()["results"][0]["path"] == "/api/*"
    assert client.delete(f"{path}{made.json()['id']}/").status_code == 204
    assert client.get(f"{path}{made.json()['id']}/").status_code == 404
    assert client.post(path, {"requests": 0, "window": 60}, format="json").status_code == 400


def test_rate_limits_are_not_for_projects(world: World, api: Api) -> None:
    limit = set_rate_limit("", 5, timedelta(minutes=1), actor=world.operator)
    client, path = api(world.owner), "/api/v1/firewall/rate-limits/"
    assert client.get(path).json()["results"] == []
    assert client.delete(f"{path}{limit.public_id}/").status_code == 404
    assert client.post(path, {"requests": 9, "window": 60}, format="json").status_code == 403


@pytest.mark.promise("F-08")
def test_the_header_preset_is_read_and_chosen(world: World, api: Api) -> None:
    path = "/api/v1/firewall/headers/"
    assert api(world.platform_viewer).get(path).json() == {"preset": "strict"}
    assert api(world.platform_viewer).put(path, {"preset": "moderate"}, format="json").status_code == 403
    assert api(world.admin).put(path, {"preset": "moderate"}, format="json").json() == {"preset": "moderate"}
    assert api(world.admin).put(path, {"preset": "none"}, format="json").status_code == 400
