"""The measurements, on the database that the environment names. Run by ``python -m tests.bench``."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from itertools import count

import django

django.setup()

from cryptography.fernet import Fernet  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.services import create_user  # noqa: E402
from firewall.matcher import Matcher  # noqa: E402
from firewall.networks import bounds  # noqa: E402
from projects.models import Project  # noqa: E402
from projects.services import create_project  # noqa: E402
from rbac.permissions import Permission  # noqa: E402
from rbac.services import allowed, assign_role  # noqa: E402
from temps.lib import crypto  # noqa: E402
from temps.lib.actor import Actor  # noqa: E402
from temps.lib.cli import show_table  # noqa: E402
from tests.world import acting  # noqa: E402

ROUNDS = 15
NETWORKS = 100_000
Work = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """The guarded way and the plain one, each done ``times`` in a row a round."""

    what: str
    guarded: Work
    plain: Work
    times: int
    plain_times: int = 0

    def medians(self) -> tuple[float, float]:
        """Seconds for one of each."""
        sides = ((self.guarded, self.times), (self.plain, self.plain_times or self.times))
        taken: tuple[list[float], list[float]] = ([], [])
        for _round in range(ROUNDS):
            for (work, times), list_ in zip(sides, taken, strict=True):
                start = time.perf_counter()
                for _ in range(times):
                    work()
                list_.append((time.perf_counter() - start) / times)
        return statistics.median(taken[0]), statistics.median(taken[1])


def writing(operator: Actor) -> Pair:
    numbers = count()

    def plain() -> None:
        with transaction.atomic():
            Project.objects.create(slug=f"plain-{next(numbers)}", name="Plain")

    def audited() -> None:
        create_project("Audited", slug=f"audited-{next(numbers)}", environments=(), actor=operator)

    return Pair("make a project, permitted and audited : plain INSERT", audited, plain, times=40)


def permission(member: User, project: Project) -> Pair:
    actor = acting(member)
    rights = frozenset(permission for permission in Permission if allowed(actor, permission, project))
    return Pair(
        "permission check on a project : look-up in a set",
        lambda: allowed(actor, Permission.SECRETS_REVEAL, project),
        lambda: Permission.SECRETS_REVEAL in rights,
        times=20_000,
    )


def sealing() -> Pair:
    key, key_id, context, fernet = crypto.Key.generate(), b"12345678", b"row", Fernet(Fernet.generate_key())
    value = b"a secret of some fifty characters, as they often are"
    return Pair(
        "seal and open a value bound to its row : Fernet",
        lambda: crypto.open_sealed(key, crypto.seal(key, key_id, value, context), context),
        lambda: fernet.decrypt(fernet.encrypt(value)),
        times=2_000,
    )


def matching() -> Pair:
    texts = [f"{10 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24" for n in range(NETWORKS)]
    networks, matcher = [ip_network(text) for text in texts], Matcher((bounds(text), text) for text in texts)
    address = ip_address("203.0.113.7")
    return Pair(
        f"address among {NETWORKS:,} networks : scan with ipaddress",
        lambda: next(matcher.covering(address), None),
        lambda: next((network for network in networks if address in network), None),
        times=20_000,
        plain_times=1,
    )


def rows() -> Iterator[tuple[str, str, str, str]]:
    operator = Actor.operator()
    owner = create_user("owner@example.com", actor=operator)
    project = create_project("Shop", actor=operator)
    assign_role(owner, "owner", project=project, actor=operator)
    pairs = [writing(operator)]
    if connection.vendor == "sqlite":  # the others know nothing of the database
        pairs += [permission(owner, project), sealing(), matching()]
    for pair in pairs:
        guarded, plain = pair.medians()
        ratio = f"{guarded / plain:.1f}" if guarded * 10 > plain else f"1/{plain / guarded:,.0f}"
        yield pair.what, _time(guarded), _time(plain), ratio


def _time(seconds: float) -> str:
    for unit, size in (("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    show_table(("THIS : THAT", "THIS", "THAT", "RATIO"), rows(), empty="nothing was measured")
