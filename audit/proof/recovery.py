"""Going on after a database was put back from a backup, or its stored hashes were damaged.

Sealing stops by itself then, and a person decides. What this never does is sign over entries that differ from what was
signed: those have to come back from a backup.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from audit.actions import Action
from audit.proof import witness
from audit.proof.hashing import leaf_of, rows_of
from audit.proof.keys import tree_for_update, verifiers
from audit.proof.models import Checkpoint, RedactedEntry, Tile, Tree
from audit.proof.notes import CheckpointText
from audit.proof.rows import Row
from audit.proof.tiles import MissingHash, Tiles, extend
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid
from temps.lib.signing import BadSignature

CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Recovery:
    rebuilt: bool
    """The stored hashes were computed anew from the entries."""
    set_aside: str
    """Where the checkpoint file is now that was ahead of the database; empty if it was not."""


@transaction.atomic
def recover(reason: str, *, actor: Actor) -> Recovery:
    """Make the tree fit to grow on, and record that and why.

    Raises :class:`Conflict` when there is nothing to recover, or when the entries are not those that were signed.
    """
    require(actor, Permission.SETTINGS_WRITE)
    if not reason.strip():
        raise Invalid("say what happened: the reason is recorded", field="reason")
    tree = tree_for_update()
    ahead = _size_in_file(tree)
    rebuilt = not _fits(tree)
    if rebuilt:
        _rebuild(tree)
        if not _fits(tree):
            raise Conflict(
                "entries differ from what was signed (temps audit verify names the first); nothing was changed: "
                "put them back from a backup"
            )
    if ahead is None and not rebuilt:
        raise Conflict(
            "there is nothing to recover: the log goes on from its newest checkpoint; an entry that temps audit verify "
            "names has to come back from a backup"
        )
    record(
        actor,
        Action.AUDIT_RECOVER,
        ("audit log", tree.origin),
        f"let the audit log go on at {tree.size} entries: {reason.strip()}",
        metadata={"size": tree.size, "checkpointFileSize": ahead, "rebuilt": rebuilt},
    )
    # Last, because a file does not roll back.
    aside = witness.set_aside(ahead) if ahead is not None else None
    return Recovery(rebuilt, str(aside or ""))


def _size_in_file(tree: Tree) -> int | None:
    """The size that the checkpoint file tells, if it does not fit this tree."""
    note = witness.witnessed()
    if not note:
        return None
    try:
        signed = CheckpointText.opened(note, verifiers(tree))
    except BadSignature:
        return 0
    if signed.size <= tree.size and _root_is(signed):
        return None
    return signed.size


def _fits(tree: Tree) -> bool:
    note = Checkpoint.objects.filter(size=tree.size).values_list("note", flat=True).first()
    if note is None:
        return tree.size == 0
    try:
        return _root_is(CheckpointText.opened(note, verifiers(tree)))
    except BadSignature:
        return False


def _root_is(signed: CheckpointText) -> bool:
    try:
        return Tiles().frontier(signed.size).root() == signed.root
    except MissingHash:
        return False


def _rebuild(tree: Tree) -> None:
    """Compute every stored hash anew from the entries; those of retired entries can only be kept, and those of redacted
    ones stand beside the statements about them."""
    old, tiles = Tiles(), Tiles()
    chunks: list[list[bytes]] = []
    for start in range(0, tree.size, CHUNK):
        end = min(start + CHUNK, tree.size)
        computed = {row[0]: _leaf(row) for row in rows_of(start, end)}
        redacted = RedactedEntry.objects.filter(position__gte=start, position__lt=end)
        computed |= {at: bytes(sealed) for at, sealed in redacted.values_list("position", "sealed")}
        try:
            chunks.append([computed.get(at) or old.node(0, at) for at in range(start, end)])
        except MissingHash as error:
            raise Conflict(f"{error}, and the entry is gone as well; nothing was changed") from None
    Tile.objects.all().delete()
    size = 0
    for leaves in chunks:
        extend(tiles, size, leaves)
        size, tiles = size + len(leaves), Tiles()


def _leaf(row: Row) -> bytes:
    """The hash of an entry. One that cannot be hashed is not taken for a retired one, whose hash may be kept."""
    leaf = leaf_of(row)
    if leaf is None:
        raise Conflict(f"entry {row[0]} is nothing that Temps writes; nothing was changed: put it back from a backup")
    return leaf
