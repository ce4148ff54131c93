"""A program for ``test_killing``: redactions of one person after the other are killed at a random moment.

Run with a database of its own in the environment. Prints what is found after each, as JSON.
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
from django.db import connections  # noqa: E402

from audit.models import Event, Redaction, Tree  # noqa: E402
from audit.proof.checking import verify_log  # noqa: E402
from audit.proof.keys import verifiers  # noqa: E402
from audit.redaction import services  # noqa: E402
from temps.lib import ids  # noqa: E402
from tests.audit.proof.made import seal  # noqa: E402
from tests.audit.redaction.made import OPERATOR, Someone, a_life  # noqa: E402

ROUNDS = 25


def kill_one(who: Someone, after: float) -> None:
    """Start a redaction and kill it, ``after`` seconds from its start."""
    connections.close_all()
    child = os.fork()
    if not child:
        services.redact_person(user_id=who.id, email=who.email, name=who.name, actor=OPERATOR)
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def state(who: Someone) -> str:
    """``all``, ``nothing``, or what is neither."""
    theirs = Event.objects.filter(user_id=who.id).values_list("user_email", flat=True)
    found = set(theirs)
    verdict = verify_log(verifiers(Tree.objects.get()))
    if not verdict.whole:
        return str(verdict.problems[0])
    return {who.email: "nothing", who.pseudonym: "all"}.get(found.pop(), "other") if len(found) == 1 else "half"


def main() -> None:
    chance = random.Random(int(sys.argv[1]))
    services.STATEMENT = 2  # many steps, between which it may end
    call_command("migrate", verbosity=0)
    states: list[str] = []
    for number in range(ROUNDS):
        who = Someone(ids.new("usr"), f"somebody-{number}@example.com", f"Somebody Number {number}")
        a_life(who)
        kill_one(who, chance.uniform(0.0, 0.25))
        states.append(state(who))
    seal()
    done = states.count("all")
    print(json.dumps({"states": sorted(set(states)), "done": done, "statements": Redaction.objects.count() - 4 * done}))


if __name__ == "__main__":
    main()
