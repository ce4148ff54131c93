"""Custody of the key that signs checkpoints."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count, Max

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
        old = Event.objects.filter(code=None, id__gt=0).aggregate(highest=Max("id"), count=Count("id"))
        made = Tree(pk=1, origin=ids.new(ORIGIN_PREFIX), old_until=old["highest"] or 0, old_count=old["count"])
        made.code = authenticate(_about(made), purpose=PURPOSE)
        Tree.objects.bulk_create([made], ignore_conflicts=True)
        tree = Tree.objects.select_for_update().get(pk=1)
    return tree


def is_old(key: int, tree: Tree) -> bool:
    """Whether the event with this key was there before there was sealing, so that it may lack a code.

    Those were sealed first. Later, one with such a key stands where retention has removed another.
    """
    if tree.code is None or not 0 < key <= tree.old_until or tree.size >= tree.old_count:
        return False
    return is_authentic(_about(tree), tree.code, purpose=PURPOSE)


def _about(tree: Tree) -> bytes:
    return f"{tree.origin} {tree.old_until} {tree.old_count}".encode()


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
    """The keys whose signatures count, newest first; also what is told to others.

    They come from the sealed halves and not from the public column: whoever can write to the database could put a key
    of their own there, but cannot seal one. Raises :class:`~temps.lib.errors.KeyUnavailable` without the keyring.
    """
    return [_opened(row, tree.origin).verifier for row in SigningKey.objects.order_by("-id")]


def _opened(row: SigningKey, origin: str) -> Signer:
    return Signer(origin, open_sealed(row.sealed, project_pk=None, context=_context(row.key_id)))


def _context(key_id: str) -> bytes:
    return column("audit.signingkey", key_id, "private")
