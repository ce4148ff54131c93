"""What it costs to come with a key or a token instead of a session, and the first use of a key. Run by
``python -m tests.bench``, on an empty database that the environment names."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterator

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.api_keys import create_api_key  # noqa: E402
from accounts.key_authentication import authenticate_key  # noqa: E402
from accounts.models import User  # noqa: E402
from accounts.services import create_user  # noqa: E402
from projects.services import create_project  # noqa: E402
from rbac.services import assign_role  # noqa: E402
from temps.lib.actor import Actor  # noqa: E402
from temps.lib.cli import show_table  # noqa: E402
from tests.world import PASSWORD, acting  # noqa: E402

TURNS, REQUESTS, KEYS = 15, 30, 25
PATH = "/api/v1/projects/"


def by_header(token: str) -> Client:
    return Client(headers={"authorization": f"Bearer {token}", "host": "localhost"})


def clients(owner: User) -> dict[str, Client]:
    _key, key = create_api_key("bench", owner=owner, actor=acting(owner))
    asked = {"email": owner.email, "password": PASSWORD}
    pair = Client(headers={"host": "localhost"}).post("/api/v1/auth/token", asked, content_type="application/json")
    session = Client(headers={"host": "localhost"})
    session.force_login(owner)
    return {"session": session, "API key": by_header(key), "access token": by_header(pair.json()["access"])}


def rate(client: Client) -> float:
    """Requests a second."""
    start = time.perf_counter()
    for _ in range(REQUESTS):
        if client.get(PATH).status_code != 200:
            raise RuntimeError("the request that was to be measured was refused")
    return REQUESTS / (time.perf_counter() - start)


def rates(owner: User) -> Iterator[tuple[str, str, str, str]]:
    """Each against the session's in the same turn; which comes first changes from turn to turn."""
    asking = clients(owner)
    taken: dict[str, list[float]] = {name: [] for name in asking}
    for turn in range(TURNS):
        for name in sorted(asking, reverse=bool(turn % 2)):
            taken[name].append(rate(asking[name]))
    for name in ("API key", "access token"):
        ratio = statistics.median(this / that for this, that in zip(taken[name], taken["session"], strict=True))
        shown = (f"{statistics.median(taken[one]):,.0f}" for one in (name, "session"))
        yield f"API requests/s by {name} : by session (0.9 wanted)", *shown, f"{ratio:.2f}"


def first_use(owner: User) -> float:
    """Milliseconds for a key that this process has not seen, hash and record included; the median."""

    def once() -> float:
        _key, token = create_api_key("bench", owner=owner, actor=acting(owner))
        return _milliseconds(lambda: authenticate_key(token, address="192.0.2.1"))

    return statistics.median(once() for _ in range(KEYS))


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def main() -> None:
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    operator = Actor.operator()
    owner = create_user("owner@example.com", password=PASSWORD, actor=operator)
    assign_role(owner, "owner", project=create_project("Shop", actor=operator), actor=operator)
    show_table(("THIS : THAT", "THIS", "THAT", "RATIO"), list(rates(owner)), empty="nothing was measured")
    print(f"the first use of a key takes {first_use(owner):.1f} ms (10 at most)")


if __name__ == "__main__":
    main()
