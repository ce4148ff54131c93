"""A program for ``test_killing``: one export after the other is killed at a random moment, and then run again.

Run with a database of its own in the environment. Prints what became of them, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import timedelta

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections, transaction  # noqa: E402

from audit.actions import Action  # noqa: E402
from audit.exporting import writing  # noqa: E402
from audit.exporting.exports import continue_exports, file_of, proof_beside, request_export, run_export  # noqa: E402
from audit.exporting.offline import verify_file  # noqa: E402
from audit.models import Export, ExportState, Tree  # noqa: E402
from audit.proof.keys import verifiers  # noqa: E402
from audit.services import record  # noqa: E402
from temps.lib import clock  # noqa: E402
from temps.lib.actor import Actor  # noqa: E402

ROUNDS = 50
ENTRIES = 600
SYSTEM = Actor.system("audit.export")
FORMATS = ("json", "csv", "cef", "ndjson", "ocsf")


def asked(file_format: str) -> Export:
    today = clock.now().date()
    return request_export(today, today, actor=Actor.operator(), file_format=file_format, in_background=False)


def kill_one(export: Export, after: float) -> None:
    """Start to write the export in a process of its own, and kill it ``after`` seconds from its start."""
    connections.close_all()
    child = os.fork()
    if not child:
        run_export(export.public_id, actor=SYSTEM)
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def found(export: Export) -> str:
    """What lies under the final name."""
    path = file_of(export)
    if not path.exists():
        return "no file"
    proof = proof_beside(path, export.format)
    if proof is not None and not proof.exists():
        return "a file without its proof"
    return "whole" if verify_file(path, lambda _origin: verifiers(Tree.objects.get())).whole else "half a file"


def time_passes(export: Export) -> None:
    """Long enough that a silent worker counts as dead, and a message as lost."""
    before = clock.now() - timedelta(hours=1)
    Export.objects.filter(pk=export.pk).exclude(state=ExportState.DONE).update(touched_at=before, created_at=before)


def main() -> None:
    chance = random.Random(int(sys.argv[1]))
    writing.CHUNK = 50
    call_command("migrate", verbosity=0)
    with transaction.atomic():
        for number in range(ENTRIES):
            record(Actor.operator(), Action.PROJECT_CREATE, ("project", "thing"), f"made {number}")
    begun = time.monotonic()
    run_export(asked("csv").public_id, actor=SYSTEM)
    run_export(asked("csv").public_id, actor=SYSTEM)  # the second does not seal all the entries
    lasts = (time.monotonic() - begun) / 2
    killed: Counter[str] = Counter()
    finally_: Counter[str] = Counter()
    for number in range(ROUNDS):
        export = asked(FORMATS[number % len(FORMATS)])
        kill_one(export, chance.uniform(0.0, 1.2 * lasts))
        export.refresh_from_db()
        killed[f"{export.state}, {found(export)}"] += 1
        time_passes(export)
        continue_exports(actor=SYSTEM)
        export.refresh_from_db()
        finally_[f"{export.state}, {found(export)}"] += 1
    print(json.dumps({"killed": killed, "finally": finally_}))


if __name__ == "__main__":
    main()
