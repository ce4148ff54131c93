from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from firewall.models import IpRule
from tests.world import World


@pytest.fixture
def temps(world: World, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run ``temps firewall …``; what it printed."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        call_command("firewall", *arguments)
        return capsys.readouterr().out

    return run


@pytest.mark.promise("F-01")
def test_block_list_and_unblock(temps: Any) -> None:
    assert temps("block", "--ip", "203.0.113.9", "--reason", "scanner", "--expires-in", "30d").startswith(
        "blocked 203.0.113.9/32 on platform until "
    )
    assert "scanner" in temps("list")
    (row,) = json.loads(temps("list", "--ip", "203.0.113.9", "--json"))
    assert (row["action"], row["network"], row["project"], row["hits"]) == ("block", "203.0.113.9/32", None, 0)
    assert temps("unblock", "--ip", "203.0.113.9") == "removed: block 203.0.113.9/32 on platform\n"
    assert json.loads(temps("list", "--json")) == []


def test_exceptions_of_a_project(temps: Any) -> None:
    made = json.loads(temps("allow", "--ip", "203.0.113.9", "--project", "shop", "--json"))
    assert (made["action"], made["project"]) == ("allow", "shop")
    assert json.loads(temps("list", "--project", "other", "--json")) == []
    temps("disallow", "--ip", "203.0.113.9", "--project", "shop")
    assert not IpRule.objects.exists()


@pytest.mark.promise("F-13")
def test_a_request_is_tried(temps: Any) -> None:
    temps("block", "--ip", "203.0.113.0/24", "--project", "shop")
    assert temps("test", "--ip", "203.0.113.9").startswith("allowed: no rule is about this address (policy 1)")
    assert temps("test", "--ip", "203.0.113.9", "--project", "shop").startswith("blocked: ipr_")
    found = json.loads(temps("test", "--ip", "203.0.113.9", "--path", "/api/v1/projects/shop/", "--json"))
    assert (found["verdict"], found["project"], found["rule"]["network"]) == ("blocked", "shop", "203.0.113.0/24")
    temps("block", "--ip", "203.0.113.0/24")
    assert temps("test", "--ip", "203.0.113.9", "--path", "/healthz").startswith("allowed: health checks")


@pytest.mark.promise("F-05")
def test_limits(temps: Any) -> None:
    assert temps("ratelimit", "set", "--path", "/api/*", "--requests", "5", "--window", "1h") == (
        "each client: 5 requests in 3600 s on /api/*\n"
    )
    assert json.loads(temps("ratelimit", "list", "--json"))[0]["window"] == 3600
    assert "limited to 5 requests in 3600 s on /api/*" in temps("test", "--ip", "192.0.2.1", "--path", "/api/v1/")
    assert temps("ratelimit", "remove", "--path", "/api/*").startswith("lifted: ")


@pytest.mark.promise("F-08")
def test_headers(temps: Any) -> None:
    assert temps("headers") == "strict\n"
    assert temps("headers", "--preset", "moderate") == "moderate\n"
    assert json.loads(temps("headers", "--json")) == {"preset": "moderate"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("block", "--ip", "10.0.0.0/33"), "'10.0.0.0/33' is not a network"),
        (("block", "--ip", "10.0.0.1/8"), "the network is 10.0.0.0/8, the one address is 10.0.0.1"),
        (("block", "--ip", "203.0.113.9", "--expires-in", "soon"), "'soon' is not a duration"),
        (("block", "--ip", "203.0.113.9", "--project", "nope"), "there is no project 'nope'"),
        (("block", "--ip", "203.0.113.9", "--as", "member@example.com"), "needs the permission firewall:write"),
        (("unblock", "--ip", "203.0.113.9"), "no rule on the platform"),
        (("ratelimit", "set", "--requests", "0"), "1 to 100000"),
        (("ratelimit", "remove", "--path", "/x"), "no rate limit on /x"),
        (("headers", "--preset", "none"), "strict, moderate, permissive"),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(temps: Any, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        temps(*arguments)
    assert not IpRule.objects.exists()
