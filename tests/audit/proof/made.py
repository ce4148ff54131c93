"""Logs to prove things about."""

from __future__ import annotations

from django.db import transaction

from audit.actions import Action
from audit.models import Checkpoint, Event, Tree
from audit.proof import sealer, witness
from audit.proof.checking import verify_log
from audit.proof.keys import verifiers
from audit.proof.verdict import Verdict
from audit.services import record
from temps.lib.actor import Actor


def write(count: int = 1, name: str = "thing") -> list[Event]:
    """Record ``count`` events, each in a transaction of its own."""
    written = []
    for number in range(count):
        with transaction.atomic():
            written.append(record(Actor.operator(), Action.PROJECT_CREATE, ("project", name), f"made {name} {number}"))
    return written


def seal() -> int:
    """Seal, and keep the checkpoint file, also where the test's own transaction never commits."""
    count = sealer.seal_everything()
    newest = Checkpoint.objects.first()
    if newest is not None:
        witness.keep(newest.note)
    return count


def verdict(*kept: str) -> Verdict:
    return verify_log(verifiers(Tree.objects.get()), kept=kept)
