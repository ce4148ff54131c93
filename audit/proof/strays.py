"""Rows that are no part of the sealed log: put in beside it, or waiting to become part of it."""

from __future__ import annotations

from audit.models import Event
from audit.proof.models import Tree
from audit.proof.replays import PUBLIC_ID, Replays
from audit.proof.rows import read
from audit.proof.sealer import sifted
from audit.proof.tiles import Tiles
from audit.proof.verdict import Problem, Verdict, Wrong

BATCH = 4096


def look_at_the_rest(verdict: Verdict) -> None:
    """Rows that the walk does not come by. The log may have grown meanwhile."""
    sealed = Event.objects.filter(position__isnull=False).order_by()
    last = sealed.order_by("-position").first()
    if last is not None and last.position is not None and last.position >= Tree.objects.get().size:
        raise Wrong("was put in: the log ends before it", last.position, last.public_id)
    if sealed.filter(position__lt=verdict.size).count() > verdict.verified + verdict.redacted:
        raise Wrong("a row was put in that stands between entries, or before the first")


def look_at_unsealed(tree: Tree, verdict: Verdict) -> None:
    """Events that wait, and those that wait for ever because Temps did not write them."""
    replays = Replays(Tiles().frontier(tree.size)) if verdict.whole else None
    unsealed = read(Event.objects.filter(position=None).order_by("id"), "id", "code")
    for start in range(0, len(unsealed), BATCH):
        for row, leaf in sifted(unsealed[start : start + BATCH], tree, replays):
            if leaf is not None:
                verdict.unsealed += 1
            elif Event.objects.filter(pk=row[0], position=None).exists():  # else it has been sealed since it was read
                what = f"the event {row[2 + PUBLIC_ID]} was not written by Temps as it stands, or was put in again"
                verdict.problems.append(Problem(what))
