from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as some

from firewall import ratelimits
from firewall.models import RateLimit
from firewall.policy import Limit
from firewall.ratelimits import Limiter, client_of
from firewall.services import rate_limit_on, remove_rate_limit, set_rate_limit
from temps.lib.errors import Denied, Invalid, NotFound
from tests import peers
from tests.world import World, acting

Ask = Callable[..., Any]
NOON = datetime(2026, 3, 1, 12, 0, 30, 250_000, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _in_memory(settings: Any) -> None:
    settings.REDIS_URL = ""
    settings.RATE_LIMIT_REQUESTS, settings.RATE_LIMIT_WINDOW = 100, 60


@pytest.fixture
def clock_at_noon() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.mark.promise("F-05", "F-06")
def test_the_last_of_a_window_is_answered_and_the_next_is_not(world: World, ask: Ask, clock_at_noon: Any) -> None:
    set_rate_limit("", 3, MINUTE, actor=world.operator)
    remaining = [ask("203.0.113.9")["X-RateLimit-Remaining"] for _ in range(3)]
    assert remaining == ["2", "1", "0"]
    refused = ask("203.0.113.9")
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert refused["X-RateLimit-Limit"] == "3"
    assert refused["X-RateLimit-Reset"] == str(int(NOON.timestamp()) + 61)
    assert refused.json()["code"] == "throttled"
    assert ask("203.0.113.10").status_code == 200


@pytest.mark.promise("F-05")
def test_there_is_no_boundary_to_burst_at(world: World, ask: Ask, clock_at_noon: Any) -> None:
    set_rate_limit("", 4, MINUTE, actor=world.operator)
    ask("203.0.113.9")
    clock_at_noon.shift(55)
    assert [ask("203.0.113.9").status_code for _ in range(4)] == [200, 200, 200, 429]
    clock_at_noon.shift(6)  # the first has left the window, the other three have not
    assert [ask("203.0.113.9").status_code for _ in range(2)] == [200, 429]
    assert ask("203.0.113.9")["Retry-After"] == "54"


def check_every_window(limiter: Limiter, gaps: list[float], limit: Limit) -> None:
    """No stretch of the window's length holds more passed requests than the limit, and none is refused for nothing."""
    passed: list[float] = []
    with time_machine.travel(NOON, tick=False) as traveller:
        for gap in gaps:
            traveller.shift(timedelta(milliseconds=round(gap * 1000)))
            now = datetime.now(UTC).timestamp()
            inside = [moment for moment in passed if moment > now - limit.window]
            usage = limiter.hit([limit], f"client-{id(gaps)}")
            assert usage is not None
            assert usage.refused == (len(inside) >= limit.requests)
            if not usage.refused:
                passed.append(now)


@pytest.mark.promise("F-05")
@given(some.lists(some.floats(0.01, 15), max_size=60))
def test_no_stretch_of_time_holds_more_than_the_limit(gaps: list[float]) -> None:
    check_every_window(Limiter(), gaps, Limit("", 5, 20))


@pytest.mark.promise("F-05")
def test_redis_counts_like_memory_and_for_all_processes(redis_url: str, clock_at_noon: Any) -> None:
    one, other = Limiter(redis_url), Limiter(redis_url)
    limit = Limit("/api/*", 3, 60)
    answers = [process.hit([limit], "203.0.113.9") for process in (one, other, one, other)]
    assert [usage.remaining for usage in answers if usage] == [2, 1, 0, 0]
    assert [usage.refused for usage in answers if usage] == [False, False, False, True]
    clock_at_noon.shift(61)
    assert one.hit([limit], "203.0.113.9").remaining == 2  # type: ignore[union-attr]


def test_a_redis_that_is_away_is_replaced_by_memory(caplog: pytest.LogCaptureFixture) -> None:
    limiter = Limiter(f"redis://127.0.0.1:{peers.free_port()}/0")
    answers = [limiter.hit([Limit("", 2, 60)], "203.0.113.9") for _ in range(3)]
    assert [usage.refused for usage in answers if usage] == [False, False, True]
    assert sum("redis_failed" in str(record.msg) for record in caplog.records) == 1


@pytest.mark.promise("F-05")
@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb:cccc:dddd:eeee", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ],
)
def test_an_ipv6_subscriber_is_one_client(address: str, client: str) -> None:
    assert client_of(ip_address(address)) == client


@pytest.mark.promise("F-05")
def test_picking_another_address_of_the_same_64_does_not_help(world: World, ask: Ask) -> None:
    set_rate_limit("", 2, MINUTE, actor=world.operator)
    answers = [ask(f"2001:db8:1:2::{index:x}").status_code for index in range(3)]
    assert answers == [200, 200, 429]


def test_claiming_another_address_does_not_help(world: World, ask: Ask) -> None:
    set_rate_limit("", 2, MINUTE, actor=world.operator)
    answers = [ask(f"198.51.100.{index}, 203.0.113.9").status_code for index in range(3)]
    assert answers == [200, 200, 429]


@pytest.mark.promise("F-05", "F-06")
def test_the_tightest_limit_is_shown(world: World, ask: Ask) -> None:
    set_rate_limit("/api/*", 2, MINUTE, actor=world.operator)
    assert ask("203.0.113.9", "/accounts/login/")["X-RateLimit-Limit"] == "100"
    assert ask("203.0.113.9", "/api/v1/")["X-RateLimit-Limit"] == "2"


@pytest.mark.promise("F-05")
@pytest.mark.parametrize("path", ["/API/v1/", "/api//v1/", "/api/./v1/", "/x/../api/v1/", "/api/v1/?", "/%61pi/v1/"])
def test_another_spelling_is_counted_with_the_first(world: World, ask: Ask, path: str) -> None:
    set_rate_limit("/api/*", 1, MINUTE, actor=world.operator)
    assert ask("203.0.113.9", "/api/v1/").status_code == 200
    assert ask("203.0.113.9", path).status_code == 429


def test_static_files_are_free_and_what_only_looks_like_one_is_not(world: World, ask: Ask) -> None:
    set_rate_limit("", 1, MINUTE, actor=world.operator)
    for _ in range(3):
        assert ask("203.0.113.9", "/static/admin/js/core.js").status_code == 200
    assert "X-RateLimit-Limit" in ask("203.0.113.9", "/static/nothing.js")
    assert ask("203.0.113.9", "/static/nothing.js").status_code == 429


def test_probes_of_the_machine_itself_are_free_and_those_of_others_are_not(world: World, client: Any) -> None:
    set_rate_limit("", 1, MINUTE, actor=world.operator)
    assert [client.get("/healthz").status_code for _ in range(3)] == [200] * 3
    assert [client.get("/healthz", REMOTE_ADDR="203.0.113.9").status_code for _ in range(2)] == [200, 429]


def test_limits_can_be_switched_off_by_the_settings(world: World, ask: Ask, settings: Any) -> None:
    settings.RATE_LIMIT_ENABLED = False
    set_rate_limit("", 1, MINUTE, actor=world.operator)
    assert [ask("203.0.113.9").status_code for _ in range(2)] == [200, 200]
    assert "X-RateLimit-Limit" not in ask("203.0.113.9")


def test_a_limit_is_changed_and_lifted_at_once(world: World, ask: Ask) -> None:
    limit = set_rate_limit("", 1, MINUTE, actor=world.operator)
    assert set_rate_limit("/*", 2, MINUTE, actor=world.operator).pk == limit.pk
    assert ask("203.0.113.9")["X-RateLimit-Limit"] == "2"
    remove_rate_limit(rate_limit_on("", actor=world.operator), actor=world.operator)
    assert ask("203.0.113.9")["X-RateLimit-Limit"] == "100"
    with pytest.raises(NotFound):
        remove_rate_limit(limit, actor=world.operator)


@pytest.mark.promise("L-01")
def test_changes_of_limits_are_recorded(world: World) -> None:
    from audit.models import Event

    set_rate_limit("/api/*", 5, MINUTE, actor=world.operator)
    remove_rate_limit(rate_limit_on("/api/*", actor=world.operator), actor=world.operator)
    lifted, made = Event.objects.filter(operation="RATE_LIMIT_UPDATE")
    assert made.metadata["after"] == {"requests": 5, "window": 60}
    assert (lifted.metadata["before"], lifted.metadata["after"]) == (made.metadata["after"], None)


@pytest.mark.parametrize(
    ("path", "requests", "window"),
    [("api", 1, 60), ("", 0, 60), ("", -1, 60), ("", 100_001, 60), ("", 1, 0), ("", 1, 86_401), ("", 1, 0.5)],
)
def test_what_is_no_limit_changes_nothing(world: World, path: str, requests: int, window: float) -> None:
    with pytest.raises(Invalid):
        set_rate_limit(path, requests, timedelta(seconds=window), actor=world.operator)
    assert not RateLimit.objects.exists()


@pytest.mark.promise("R-05")
def test_limits_belong_to_the_platform(world: World) -> None:
    limit = set_rate_limit("", 5, MINUTE, actor=world.operator)
    with pytest.raises(Denied):
        set_rate_limit("", 9, MINUTE, actor=acting(world.owner))
    with pytest.raises(Denied):
        remove_rate_limit(limit, actor=acting(world.owner))
    assert not RateLimit.objects.visible_to(acting(world.owner)).exists()


def test_a_flood_of_addresses_occupies_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimits, "CLIENTS_IN_MEMORY", 10)
    storage = ratelimits.BoundedMemory()
    for index in range(100):
        storage.acquire_entry(f"client-{index}", 5, 60)
    assert len(storage._windows) == 10
    assert storage.get_moving_window("client-99", 5, 60)[1] == 1
