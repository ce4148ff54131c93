"""Sealing: entries get their place in the tree, and the tree a new checkpoint.

Writers insert an event and nothing else; they wait for no one. The sealer comes after: in one transaction it takes the
events that have no position, in the order of their ids, numbers them on, stores their hashes and signs the new root.
An event whose transaction commits late, after events with higher ids were sealed, still has no position, so it is
found by the next batch and numbered there: no horizon has to be guessed, and the order of the log is the order of
sealing. Killed at any moment, a sealer leaves its whole batch or nothing of it.

An event proves by its code that Temps wrote it. What someone put into the table, or changed before it was sealed, is
not taken in: it never gets a position, and verification names it.

It never signs what contradicts what was signed before: a tree that was altered, or that is older than the checkpoint
file, stops sealing (not writing) until a person has looked, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import connection, transaction

from audit.models import Event
from audit.proof import rows, witness
from audit.proof.canonical import PURPOSE, canonical_entry
from audit.proof.keys import is_old, signer_for, tree_for_update, verifiers
from audit.proof.merkle import leaf_hash
from audit.proof.models import Checkpoint, Tree
from audit.proof.notes import CheckpointText
from audit.proof.tiles import MissingHash, Tiles, extend
from secrets_vault.sealing import is_authentic
from temps.lib import clock
from temps.lib.errors import TempsError, Unavailable
from temps.lib.signing import BadSignature

log = structlog.get_logger(__name__)

BATCH = 4096
"""Entries that one transaction seals."""


class Contradiction(Unavailable):
    """The tree in the database is not the one that was signed."""

    code = "audit_log_contradicts"


def waiting() -> bool:
    """Whether there is something to seal; one look into a small index."""
    return Event.objects.filter(position=None).exists()


def seal_everything() -> int:
    """Seal all that is committed now, in batches; how many entries that were. Raises what :func:`seal_batch` does."""
    sealed = 0
    while waiting() and (count := seal_batch()):
        sealed += count
    return sealed


def seal_batch(limit: int = BATCH) -> int:
    """Seal up to ``limit`` entries and sign a checkpoint; how many entries were sealed.

    Raises :class:`Contradiction` when the stored tree does not fit what was signed, and
    :class:`~temps.lib.errors.KeyUnavailable` without the key. Either is also noted on the tree.
    """
    try:
        return _batch(limit)
    except TempsError as error:
        _note_failure(error)
        raise


@transaction.atomic
def _batch(limit: int) -> int:
    tree = tree_for_update()
    signer = signer_for(tree)
    tiles = Tiles()
    _compare_with_what_was_signed(tree, tiles)
    frontier = tiles.frontier(tree.size)
    found = _authentic(tree, limit)
    if not found.keys and found.foreign == tree.foreign:
        return 0
    leaves = [leaf_hash(data) for data in found.entries]
    _number(found.keys, tree.size)
    extend(tiles, tree.size, leaves)
    for leaf in leaves:
        frontier.append(leaf)
    tree.size, tree.foreign, tree.failure, tree.failed_at = frontier.size, found.foreign, "", None
    if found.foreign:
        tree.failure, tree.failed_at = f"{found.foreign} entries were not written by Temps", clock.now()
        log.error("audit.foreign_entries", count=found.foreign)
    tree.save(update_fields=["size", "foreign", "failure", "failed_at"])
    if leaves:
        note = signer.sign(str(CheckpointText(tree.origin, tree.size, frontier.root(), clock.now())))
        Checkpoint.objects.create(size=tree.size, note=note)
        transaction.on_commit(lambda: witness.keep(note))
    return len(leaves)


@dataclass(slots=True)
class _Found:
    keys: list[int] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    """In canonical form."""
    foreign: int = 0


def _authentic(tree: Tree, limit: int) -> _Found:
    """Up to ``limit`` unsealed events that Temps wrote. Others are counted and left: they never get a position."""
    found, last = _Found(), 0
    while len(found.keys) < limit:
        unsealed = Event.objects.filter(position=None, id__gt=last).order_by("id")
        read = rows.read(unsealed[: limit - len(found.keys)], "id", "code")
        for key, code, *columns in read:
            data = authentic_entry(key, code, columns, tree)
            if data is None:
                found.foreign += 1
            else:
                found.keys.append(key)
                found.entries.append(data)
            last = key
        if not read:
            break
    return found


def authentic_entry(key: int, code: bytes | None, columns: Sequence[Any], tree: Tree) -> bytes | None:
    """The canonical form of an event that waits to be sealed (``columns`` by :func:`rows.read`), if Temps wrote it as
    it stands. None when not."""
    try:
        data = canonical_entry(rows.entry(columns))
    except (TypeError, ValueError, AttributeError):
        return None
    if code is None:
        return data if is_old(key, tree) else None
    return data if is_authentic(data, code, purpose=PURPOSE) else None


def _compare_with_what_was_signed(tree: Tree, tiles: Tiles) -> None:
    """The newest checkpoint, and the one in the file, must be about this tree. Raises :class:`Contradiction`."""
    notes = Checkpoint.objects.filter(size__lte=tree.size).order_by("-size").values_list("note", flat=True)[:1]
    try:
        for note in filter(None, [*notes, witness.witnessed()]):
            signed = CheckpointText.opened(note, verifiers(tree))
            if signed.size > tree.size:
                raise Contradiction(
                    f"the log has {tree.size} entries and had {signed.size} at {clock.iso(signed.time)}: "
                    "the database is older than its checkpoint file"
                )
            if tiles.frontier(signed.size).root() != signed.root:
                raise Contradiction(f"the first {signed.size} entries are not those that were signed")
    except BadSignature:
        raise Contradiction("the newest checkpoint was not signed by a key of this log") from None
    except MissingHash as error:
        raise Contradiction(str(error)) from None
    if tree.size and not notes:
        raise Contradiction("the checkpoints of the log are gone")


def _number(keys: list[int], first: int) -> None:
    """Give the events their positions. The only UPDATE that the triggers let pass, and once for each event."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "UPDATE audit_event SET position = given.position "
                "FROM unnest(%s::bigint[], %s::bigint[]) AS given (id, position) WHERE audit_event.id = given.id",
                [keys, list(range(first, first + len(keys)))],
            )
        else:
            pairs = [(first + number, key) for number, key in enumerate(keys)]
            cursor.executemany("UPDATE audit_event SET position = %s WHERE id = %s", pairs)


def _note_failure(error: TempsError) -> None:
    log.error("audit.not_sealed", reason=error.public_message)
    with transaction.atomic():
        Tree.objects.filter(pk=1).update(failure=error.public_message[:300], failed_at=clock.now())
