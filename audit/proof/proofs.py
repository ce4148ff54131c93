"""Proofs that somebody else can check: what the API hands out."""

from __future__ import annotations

from dataclasses import dataclass

from audit.models import Event
from audit.proof.merkle import consistency_proof, inclusion_proof
from audit.proof.models import Checkpoint
from audit.proof.redactions import Covering, covering
from audit.proof.tiles import MissingHash, Tiles
from temps.lib.errors import Conflict, Invalid, NotFound, Unavailable


@dataclass(frozen=True, slots=True)
class Inclusion:
    """``path`` leads from the hash that was sealed to the root of the checkpoint (RFC 6962, section 2.1.1)."""

    position: int
    leaf: bytes
    path: list[bytes]
    checkpoint: str
    redaction: Covering | None
    """Why the hash of the entry is another one now, where it was redacted."""


def newest_checkpoint() -> Checkpoint:
    """Raises :class:`NotFound` before the first entry is sealed."""
    found = Checkpoint.objects.first()
    if found is None:
        raise NotFound("nothing has been sealed yet")
    return found


def inclusion(event: Event) -> Inclusion:
    """The proof that ``event`` is in the log, for the newest checkpoint.

    Raises :class:`Conflict` for one that still waits to be sealed, and :class:`Unavailable` if the stored tree lacks
    what the proof needs.
    """
    checkpoint = newest_checkpoint() if event.position is not None else None
    if checkpoint is None or event.position is None or event.position >= checkpoint.size:
        raise Conflict("this entry is not sealed yet: ask again in a few seconds")
    tiles = Tiles()
    try:
        path = inclusion_proof(event.position, checkpoint.size, tiles.node)
        redactions = [one for _position, one in covering(event.position, event.position + 1)]
        leaf, redaction = tiles.node(0, event.position), redactions[-1] if redactions else None
        return Inclusion(event.position, leaf, path, checkpoint.note, redaction)
    except MissingHash as error:
        raise Unavailable(str(error)) from None


def consistency(first: int, second: int) -> list[bytes]:
    """The proof that the log of ``second`` entries begins with that of ``first`` (RFC 6962, section 2.1.2)."""
    size = newest_checkpoint().size
    if not 0 < first <= second <= size:
        raise Invalid(f"a proof leads from a smaller to a larger size, between 1 and {size}", field="first")
    try:
        return consistency_proof(first, second, Tiles().node)
    except MissingHash as error:
        raise Unavailable(str(error)) from None
