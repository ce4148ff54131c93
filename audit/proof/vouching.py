"""Telling entries that are as they were sealed from rows that merely look like it.

Whatever acts on sealed entries, signs what it did or sends them on would otherwise do it for whoever can write to the
database. An entry that was redacted for an erased person is vouched for as the statement about that has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from audit.proof.canonical import canonical_entry
from audit.proof.keys import verifiers
from audit.proof.merkle import inclusion_proof, leaf_hash, verify_inclusion
from audit.proof.models import Checkpoint, Tree
from audit.proof.notes import CheckpointText
from audit.proof.redactions import Lookup
from audit.proof.rows import Row, entry
from audit.proof.tiles import MissingHash, Tiles
from temps.lib.signing import BadSignature

Vouches = Callable[[int, Row], bool]
"""Whether the entry at this position, with these columns (by :func:`audit.proof.rows.read`), was sealed there, or is
what was redacted there since."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The newest checkpoint: its note, and what it says."""

    note: str
    text: CheckpointText


def newest_signed(tree: Tree) -> Signed | None:
    """The newest checkpoint of ``tree``, None before the first. What stands in the columns beside its note does not
    count.

    Raises :class:`BadSignature` for one that no key of this log signed, and :class:`~temps.lib.errors.TempsError` when
    the keys do not open.
    """
    note = Checkpoint.objects.order_by("-size").values_list("note", flat=True).first()
    return None if note is None else Signed(note, CheckpointText.opened(note, verifiers(tree)))


def voucher(tree: Tree) -> Vouches:
    """Asks the newest checkpoint of ``tree`` for each entry, by its audit path. Without one, nothing is vouched for."""
    try:
        newest = newest_signed(tree)
    except BadSignature:
        newest = None
    return (lambda _position, _columns: False) if newest is None else voucher_of(newest.text)


def voucher_of(signed: CheckpointText) -> Vouches:
    """As :func:`voucher`, by a checkpoint whose signature was verified."""
    node = cache(Tiles().node)
    redacted = Lookup()

    def vouches(position: int, columns: Row) -> bool:
        try:
            leaf = leaf_hash(canonical_entry(entry(columns)))
            path, sealed = inclusion_proof(position, signed.size, node), node(0, position)
        except (TypeError, ValueError, AttributeError, MissingHash):
            return False
        was_sealed = verify_inclusion(sealed, position, signed.size, path, signed.root)
        return was_sealed and redacted.accepts(position, leaf, sealed)

    return vouches
