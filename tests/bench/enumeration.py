"""Whether the time that an answer takes tells which accounts exist. Run by ``python -m tests.bench``, on an empty
database that the environment names.

Each face is asked for an address that somebody has and for one that nobody has, in turn, in this process and so
without the noise of a network: nobody outside measures as well. What is compared is the way to the password, so each
request comes from another network and the counters of tries are emptied; and of the links, that which the asker waits
for: the rest takes place in the worker.
"""

from __future__ import annotations

import gc
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count

os.environ.setdefault("EMAIL_HOST", "mail.example.com")  # or there would be no links; nothing is sent to it

import django

django.setup()

from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.services import create_user  # noqa: E402
from temps.lib.actor import Actor  # noqa: E402
from temps.lib.cli import show_table  # noqa: E402
from tests.world import hashed  # noqa: E402

PEOPLE = 20
HASHING, ASKING = 150, 1000
"""How often each side is asked: faces that hash a password, and the quicker ones."""
WARM_UP = 10
MOST_PERCENT = 10
WRONG = "not the password at all"

Ask = Callable[[Client, str], int]
networks = (f"198.{18 + n // 65536}.{n // 256 % 256}.{n % 256}" for n in count())


def by_page(client: Client, email: str) -> int:
    return client.post("/accounts/login/", {"login": email, "password": WRONG}).status_code


def by_api(client: Client, email: str) -> int:
    body = {"email": email, "password": WRONG}
    return client.post("/api/v1/auth/token", body, content_type="application/json").status_code


def by_link(client: Client, email: str) -> int:
    return client.post("/accounts/link/", {"email": email}).status_code


def by_reset(client: Client, email: str) -> int:
    return client.post("/accounts/reset/", {"email": email}).status_code


FACES: dict[str, tuple[Ask, int, int]] = {
    "sign-in page": (by_page, 200, HASHING),
    "API token": (by_api, 401, HASHING),
    "magic link": (by_link, 302, ASKING),
    "new password": (by_reset, 302, ASKING),
}
"""What each answers to everybody, and how often it is asked."""


def timed(client: Client, ask: Ask, email: str, expected: int) -> float:
    """Milliseconds for one answer."""
    cache.clear()
    client.cookies.clear()
    client.defaults["REMOTE_ADDR"] = next(networks)
    start = time.perf_counter()
    status = ask(client, email)
    taken = (time.perf_counter() - start) * 1000
    if status != expected:
        raise RuntimeError(f"{email} was answered with {status}: that is not the way that was to be measured")
    return taken


def measured(ask: Ask, expected: int, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds for known and for unknown addresses. Which comes first changes from turn to turn."""
    client = Client(headers={"host": "localhost"})
    taken: tuple[list[float], list[float]] = ([], [])
    gc.disable()
    for turn in range(-WARM_UP, times):
        for side in (0, 1) if turn % 2 else (1, 0):
            email = f"{('known', 'nobody')[side]}{turn % PEOPLE}@example.com"
            one = timed(client, ask, email, expected)
            if turn >= 0:
                taken[side].append(one)
        gc.collect(0)
    gc.enable()
    return taken


def rows(share: float) -> Iterator[tuple[str, ...]]:
    for name, (ask, expected, times) in FACES.items():
        known, unknown = measured(ask, expected, max(1, int(times * share)))
        means, medians = [[of(side) for side in (known, unknown)] for of in (statistics.mean, statistics.median)]
        apart = (means[0] - means[1]) / means[1] * 100
        shown = (f"{one:.2f} : {other:.2f}" for one, other in (means, medians))
        yield name, *shown, f"{apart:+.1f} %", f"± {_error(known, unknown):.1f} %"


def _error(known: list[float], unknown: list[float]) -> float:
    """The standard error of the difference, in percent: a difference below twice this one is noise."""
    if len(known) < 2:
        return float("nan")
    error = (statistics.variance(known) / len(known) + statistics.variance(unknown) / len(unknown)) ** 0.5
    return float(error / statistics.mean(unknown) * 100)


def main(share: float = 1.0) -> None:
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    for number in range(PEOPLE):
        user = create_user(f"known{number}@example.com", actor=Actor.operator())
        user.password = hashed()
        user.save(update_fields=["password"])
    columns = ("KNOWN : UNKNOWN", "MEAN, ms", "MEDIAN, ms", "DIFFERENCE OF MEANS", "ERROR")
    show_table(columns, list(rows(share)), empty="nothing was measured")
    print(f"wanted: less than {MOST_PERCENT} % either way")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
