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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import connection, transaction

from audit.models import Event
from audit.proof import rows, witness
from audit.proof.canonical import PURPOSE, canonical_entry
from audit.proof.errors import Contradiction
from audit.proof.keys import is_old, signer_for, tree_for_update, verifiers
from audit.proof.merkle import Frontier, leaf_hash
from audit.proof.models import Checkpoint, Tree
from audit.proof.notes import CheckpointText
from audit.proof.replays import Replays
from audit.proof.rows import Row
from audit.proof.tiles import MissingHash, Tiles, extend
from secrets_vault.sealing import is_authentic
from temps.lib import clock
from temps.lib.errors import TempsError
from temps.lib.signing import BadSignature

log = structlog.get_logger(__name__)

BATCH = 4096
"""Entries that one transaction seals."""


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
        _note_failure(error.public_message)
        raise
    except Exception as error:
        _note_failure(f"sealing failed ({type(error).__name__})")
        raise


@transaction.atomic
def _batch(limit: int) -> int:
    tree = tree_for_update()
    signer = signer_for(tree)
    tiles = Tiles()
    frontier = _as_it_was_signed(tree, tiles)
    found = _authentic(tree, frontier, limit)
    if not found.keys and found.foreign == tree.foreign:
        return 0
    leaves = found.leaves
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
    leaves: list[bytes] = field(default_factory=list)
    foreign: int = 0


def _authentic(tree: Tree, edge: Frontier, limit: int) -> _Found:
    """Up to ``limit`` unsealed events that Temps wrote. Others are counted and left: they never get a position."""
    found, replays = _Found(), Replays(edge)
    unsealed = Event.objects.filter(position=None).order_by("id")
    read = rows.read(unsealed[:limit], "id", "code")
    while read:
        for row, leaf in sifted(read, tree, replays):
            if leaf is None:
                found.foreign += 1
            else:
                found.keys.append(row[0])
                found.leaves.append(leaf)
        room = limit - len(found.keys)
        read = rows.read(unsealed.filter(id__gt=read[-1][0])[:room], "id", "code") if room else []
    return found


def sifted(waiting: Sequence[Row], tree: Tree, replays: Replays | None) -> Iterator[tuple[Row, bytes | None]]:
    """Each of the events that wait to be sealed (key, code and the columns of :func:`rows.read`) with its leaf; None if
    Temps did not write it as it stands, or wrote it once and it was put in again."""
    if replays is not None:
        replays.look_up(row[2:] for row in waiting)
    for row in waiting:
        key, code, *columns = row
        data = _authentic_entry(key, code, columns, tree)
        leaf = None if data is None else leaf_hash(data)
        if leaf is not None and code is not None and replays is not None and replays.has(row[2:], leaf):
            leaf = None
        yield row, leaf


def _authentic_entry(key: int, code: bytes | None, columns: Sequence[Any], tree: Tree) -> bytes | None:
    """The canonical form of an event, if its code says that Temps wrote it."""
    try:
        data = canonical_entry(rows.entry(columns))
    except (TypeError, ValueError, AttributeError):
        return None
    if code is None:
        return data if is_old(key, tree) else None
    return data if is_authentic(data, code, purpose=PURPOSE) else None


def _as_it_was_signed(tree: Tree, tiles: Tiles) -> Frontier:
    """The edge of the tree, to grow on. The newest checkpoint must be about this very tree, and the one in the file
    about its beginning. Raises :class:`Contradiction`."""
    newest = Checkpoint.objects.order_by("-size").values_list("note", flat=True).first()
    try:
        if (newest is None) != (tree.size == 0):
            raise Contradiction("the checkpoints of the log are gone")
        for note in filter(None, (newest, witness.witnessed())):
            signed = CheckpointText.opened(note, verifiers(tree))
            if signed.size > tree.size:
                raise Contradiction(
                    f"the log has {tree.size} entries and had {signed.size} at {clock.iso(signed.time)}: "
                    "the database is older than its checkpoint file"
                )
            if note == newest and signed.size < tree.size:
                raise Contradiction(f"of the {tree.size} entries {signed.size} were signed: the others were put in")
            if tiles.frontier(signed.size).root() != signed.root:
                raise Contradiction(f"the first {signed.size} entries are not those that were signed")
        return tiles.frontier(tree.size)
    except BadSignature:
        raise Contradiction("the newest checkpoint was not signed by a key of this log") from None
    except MissingHash as error:
        raise Contradiction(str(error)) from None


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


def _note_failure(reason: str) -> None:
    with transaction.atomic():
        Tree.objects.filter(pk=1).update(failure=reason[:300], failed_at=clock.now())
