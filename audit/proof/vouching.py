"""Telling entries that are as they were sealed from rows that merely look like it.

Whatever acts on old entries and signs what it did would otherwise sign for whoever can write to the database.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from audit.proof.canonical import canonical_entry
from audit.proof.keys import verifiers
from audit.proof.merkle import inclusion_proof, leaf_hash, verify_inclusion
from audit.proof.models import Checkpoint, Tree
from audit.proof.notes import CheckpointText
from audit.proof.rows import Row, entry
from audit.proof.tiles import MissingHash, Tiles
from temps.lib.signing import BadSignature

Vouches = Callable[[int, Row], bool]
"""Whether the entry at this position, with these columns (by :func:`audit.proof.rows.read`), was sealed there."""


def voucher(tree: Tree) -> Vouches:
    """Asks the newest checkpoint of ``tree`` for each entry, by its audit path. Without one, nothing is vouched for."""
    note = Checkpoint.objects.order_by("-size").values_list("note", flat=True).first()
    try:
        signed = CheckpointText.opened(note or "", verifiers(tree))
    except BadSignature:
        return lambda _position, _columns: False
    node = cache(Tiles().node)

    def vouches(position: int, columns: Row) -> bool:
        try:
            leaf = leaf_hash(canonical_entry(entry(columns)))
            path = inclusion_proof(position, signed.size, node)
        except (TypeError, ValueError, AttributeError, MissingHash):
            return False
        return verify_inclusion(leaf, position, signed.size, path, signed.root)

    return vouches
