"""A program for ``test_killing``: entries are written while one sealer after the other is killed at a random moment.

Run with a database of its own in the environment. Prints what verification finds afterwards, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections, transaction  # noqa: E402

from audit.actions import Action  # noqa: E402
from audit.models import Event, Tree  # noqa: E402
from audit.proof import sealer  # noqa: E402
from audit.proof.checking import verify_log  # noqa: E402
from audit.proof.keys import verifiers  # noqa: E402
from audit.services import record  # noqa: E402
from temps.lib.actor import Actor  # noqa: E402

ROUNDS = 50
ENTRIES = 12
"""Written in each round; a batch seals three of them."""


def write() -> None:
    for number in range(ENTRIES):
        with transaction.atomic():
            record(Actor.operator(), Action.PROJECT_CREATE, ("project", "thing"), f"made {number}")


def sealed() -> int:
    return Event.objects.exclude(position=None).count()


def kill_one(after: float) -> None:
    """Start a sealer that goes on until it is killed, ``after`` seconds from its start."""
    connections.close_all()
    child = os.fork()
    if not child:
        while True:
            sealer.seal_batch(limit=3)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main() -> None:
    chance = random.Random(int(sys.argv[1]))
    call_command("migrate", verbosity=0)
    write()
    sealer.seal_batch(limit=1)  # the key is made before the killing begins
    unfinished = 0
    for _ in range(ROUNDS):
        write()
        kill_one(chance.uniform(0.0, 0.05))
        unfinished += Event.objects.filter(position=None).exists()
    sealer.seal_everything()
    written = ENTRIES * (ROUNDS + 1)
    verdict = verify_log(verifiers(Tree.objects.get()))
    print(
        json.dumps(
            {
                "lost": written - sealed(),
                "positions": sorted(Event.objects.values_list("position", flat=True)) == list(range(written)),
                "problems": [str(problem) for problem in verdict.problems],
                "unfinished": unfinished,
            }
        )
    )


if __name__ == "__main__":
    main()
