"""How an event, or the whole log, stands with sealing, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from audit.models import Checkpoint, Event, Tree
from audit.proof.keys import verifiers
from audit.proof.notes import CheckpointText, RedactionText
from audit.proof.redactions import covering
from audit.strangers import SINCE, is_stand_in
from rbac.permissions import Permission
from rbac.services import allowed
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import TempsError
from temps.lib.signing import BadSignature

LATE = timedelta(minutes=1)
"""Sealing takes seconds; what waits longer waits for something that does not come."""


@dataclass(frozen=True, slots=True)
class SealState:
    """``state`` is sealed, waiting, late or failing: the name of the style."""

    state: str
    title: str
    text: str
    icon: str


def state_of(event: Event, *, actor: Actor) -> SealState:
    """How ``event`` stands.

    Places in the log and reasons for a failure tell of other projects too, so that they are for whoever reads the
    whole log.
    """
    reads_all = allowed(actor, Permission.AUDIT_READ)
    if is_stand_in(event):
        return _foreign()
    if event.position is not None:
        return _sealed(event.position, reads_all=reads_all)
    found = log_state(actor=actor)
    if found is not None and found.state == "failing":
        return found
    if clock.now() - event.timestamp > LATE:
        return _late()
    return SealState("waiting", "Waits to be sealed", "That takes a few seconds.", "hourglass_top")


def log_state(*, actor: Actor) -> SealState | None:
    """What is wrong with sealing; None when nothing is."""
    now = clock.now()
    tree = Tree.objects.filter(pk=1).defer("failed_at").first()
    if tree is not None and tree.failure:
        # Conditions on times stand in queries: what the database takes for one may be none that can be read.
        failed_at = Tree.objects.filter(pk=1, failed_at__range=(SINCE, now)).values_list("failed_at", flat=True).first()
        since = f" since {failed_at:%Y-%m-%d %H:%M:%S} UTC" if failed_at else ""
        why = tree.failure if allowed(actor, Permission.AUDIT_READ) else "whoever runs Temps can see why"
        text = f"Events are recorded all the same, and cannot be proven until it works again: {why}."
        return SealState("failing", f"Sealing fails{since}", text, "gpp_bad")
    return _late() if Event.objects.filter(position=None, timestamp__lt=now - LATE).exists() else None


def _late() -> SealState:
    text = "Events are recorded, and wait for longer than they should. The process that seals is part of temps up."
    return SealState("late", "Sealing has not come by for more than a minute", text, "gpp_maybe")


def _foreign() -> SealState:
    text = (
        "Somebody put this row into the database, or changed it there. It is shown as far as it can be read, and is "
        "never sealed; temps audit verify names it."
    )
    return SealState("failing", "Not an entry that Temps wrote", text, "gpp_bad")


def _sealed(position: int, *, reads_all: bool) -> SealState:
    checkpoint = _covering(position)
    title = f"Sealed as entry {position}" if reads_all else "Sealed"
    if checkpoint is None:
        return SealState("late", title, "No checkpoint covers it: temps audit verify says more.", "gpp_maybe")
    size = f", over the first {checkpoint.size} entries" if reads_all else ""
    when = f"{checkpoint.time:%Y-%m-%d %H:%M:%S} UTC"
    text = f"Covered by the signed checkpoint of {when}{size}, and by every later one."
    return SealState("sealed", title, f"{text}{_redacted(position)}", "verified_user")


def _redacted(position: int) -> str:
    """That the entry was redacted, if it was; that it fits the statement about that, verification says."""
    said = [one for _position, one in covering(position, position + 1)]
    tree = Tree.objects.filter(pk=1).defer("failed_at").first()
    try:
        text = RedactionText.opened(said[-1].note, verifiers(tree)) if said and tree is not None else None
    except (BadSignature, TempsError):
        return " Whether it was redacted cannot be told: temps audit verify says more."
    when = f"{text.time:%Y-%m-%d %H:%M:%S} UTC" if text else ""
    return f" Redacted for an erased person: what it says now was signed at {when}." if text else ""


def _covering(position: int) -> CheckpointText | None:
    """The first checkpoint that covers this place, as it was signed."""
    note = Checkpoint.objects.filter(size__gt=position).order_by("size").values_list("note", flat=True).first()
    tree = Tree.objects.filter(pk=1).defer("failed_at").first()
    try:
        signed = CheckpointText.opened(note, verifiers(tree)) if note and tree is not None else None
    except (BadSignature, TempsError):
        return None
    return signed if signed is not None and signed.size > position else None
