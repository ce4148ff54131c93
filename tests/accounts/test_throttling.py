"""Plain limits: a number within a span."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.cache.backends.redis import RedisCache
from django.test import Client

from accounts.errors import TooManyAttempts
from accounts.lockout import counting
from accounts.throttling import throttle
from temps.lib import clock
from tests import peers
from tests.world import PASSWORD, World

pytestmark = pytest.mark.promise("A-12")


@pytest.mark.usefixtures("still_clock")
def test_a_limit_holds_for_one_and_says_until_when() -> None:
    for _time in range(3):
        throttle("group", "one", "3/2m")
    with pytest.raises(TooManyAttempts) as refused:
        throttle("group", "one", "3/2m")
    assert 0 < refused.value.wait <= 120
    throttle("group", "another", "3/2m")
    throttle("another group", "one", "3/2m")
    with time_machine.travel(clock.now() + timedelta(seconds=refused.value.wait), tick=False):
        throttle("group", "one", "3/2m")


@pytest.fixture
def _redis_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "cache", RedisCache(f"redis://127.0.0.1:{peers.free_port()}", {}))
    counting._own.clear()


@pytest.mark.usefixtures("_redis_away")
def test_without_redis_each_process_counts() -> None:
    with time_machine.travel(clock.now(), tick=False):
        throttle("group", "one", "1/h")
        with pytest.raises(TooManyAttempts):
            throttle("group", "one", "1/h")


@pytest.mark.usefixtures("_redis_away")
def test_without_redis_people_sign_in(client: Client, world: World) -> None:
    answer = client.post("/accounts/login/", {"login": world.owner.email, "password": PASSWORD})
    assert answer.headers["Location"] == "/"
