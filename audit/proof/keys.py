"""Custody of the key that signs checkpoints."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from audit.models import Event
from audit.proof.models import SigningKey, Tree
from secrets_vault.sealing import authenticate, column, is_authentic, open_sealed, seal
from temps.lib import ids
from temps.lib.signing import Signer, Verifier

ORIGIN_PREFIX = "temps-audit"
PURPOSE = "audit-tree"


def tree_for_update() -> Tree:
    """The tree, locked until the transaction ends; made, with the name of the log, if this is the first time."""
    tree = Tree.objects.select_for_update().filter(pk=1).first()
    if tree is None:
        old = Event.objects.filter(code=None).aggregate(highest=Max("id"))["highest"] or 0
        made = Tree(pk=1, origin=ids.new(ORIGIN_PREFIX), old_until=old)
        made.code = authenticate(_about(made), purpose=PURPOSE)
        Tree.objects.bulk_create([made], ignore_conflicts=True)
        tree = Tree.objects.select_for_update().get(pk=1)
    return tree


def is_old(key: int, tree: Tree) -> bool:
    """Whether the event with this key was there before there was sealing, so that it may lack a code."""
    if key > tree.old_until or tree.code is None:
        return False
    return is_authentic(_about(tree), tree.code, purpose=PURPOSE)


def _about(tree: Tree) -> bytes:
    return f"{tree.origin} {tree.old_until}".encode()


def signer_for(tree: Tree) -> Signer:
    """The newest key of the log, made if there is none. Call with ``tree`` locked.

    Raises :class:`~temps.lib.errors.KeyUnavailable` when the keyring lacks the key that sealed it.
    """
    row = SigningKey.objects.order_by("-id").first()
    if row is not None:
        return _opened(row, tree.origin)
    signer = Signer.generate(tree.origin)
    key_id = signer.verifier.id.hex()
    with transaction.atomic():
        SigningKey.objects.create(
            key_id=key_id,
            public_key=signer.verifier.public,
            sealed=seal(signer.secret, project_pk=None, context=_context(key_id)),
        )
    return signer


def verifiers(tree: Tree) -> list[Verifier]:
    """The keys whose signatures count, newest first.

    They come from the sealed halves and not from the public column: whoever can write to the database could put a key
    of their own there, but cannot seal one.
    """
    return [_opened(row, tree.origin).verifier for row in SigningKey.objects.order_by("-id")]


def published(tree: Tree) -> list[Verifier]:
    """What is told to others: the public column, which needs no keyring."""
    rows = SigningKey.objects.order_by("-id")
    return [Verifier(tree.origin, bytes(row.public_key)) for row in rows]


def _opened(row: SigningKey, origin: str) -> Signer:
    return Signer(origin, open_sealed(row.sealed, project_pk=None, context=_context(row.key_id)))


def _context(key_id: str) -> bytes:
    return column("audit.signingkey", key_id, "private")
