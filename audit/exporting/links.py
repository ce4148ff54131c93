"""Addresses that are good for one file of one export, for ten minutes, without a session: for ``curl`` on another host.

The token says which export, which of its files and who asked for it, signed under a salt of its own. It grants nothing
by itself: what its bearer may do is what the requester may do at the moment it is used.
"""

from __future__ import annotations

from datetime import timedelta
from typing import BinaryIO

from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction

from accounts.models import User
from accounts.services import actor_for
from audit.exporting.exports import is_here, open_export
from audit.models import Export, ExportFormat
from rbac.permissions import Permission
from rbac.services import allowed
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import NotFound

SALT = "audit.exporting.links"
GOOD_FOR = timedelta(minutes=10)
FILE, PROOF = "file", "proof"
TOKEN_LIMIT = 500
"""Characters; a longer one is none of ours."""


def tokens(export: Export, *, actor: Actor) -> dict[str, str]:
    """A token for each file that ``actor`` may download now, by :data:`FILE` and :data:`PROOF`.

    A credential with less than its owner's rights (an API key that may not read the log) gets none: the link would
    lend it the rest.
    """
    if export.requested_by != actor.id or actor.user_pk is None or not is_here(export):
        return {}
    if not (allowed(actor, Permission.AUDIT_EXPORT) and allowed(actor, Permission.AUDIT_READ)):
        return {}
    parts = [FILE] if export.format == ExportFormat.JSON else [FILE, PROOF]
    return {part: _signer().sign_object([export.public_id, part, actor.id]) for part in parts}


@transaction.atomic
def open_by_token(
    public_id: str, token: str, *, address: str | None, user_agent: str, request_id: str
) -> tuple[Export, BinaryIO, str]:
    """The export, the opened file and which of the two it is. The download is recorded as the requester's.

    Raises :class:`NotFound`, always in the same words, for a token that was altered, is for something else or has had
    its time, and :class:`~temps.lib.errors.Denied` when the requester may no longer export.
    """
    part, user = _meant(public_id, token)
    actor = actor_for(
        user, Credential(CredentialKind.LINK), address=address, user_agent=user_agent, request_id=request_id
    )
    export, file = open_export(public_id, actor=actor, proof=part == PROOF)
    return export, file, part


def _meant(public_id: str, token: str) -> tuple[str, User]:
    try:
        if len(token) > TOKEN_LIMIT:
            raise BadSignature
        export, part, requester = _signer().unsign_object(token, max_age=GOOD_FOR)
    except (BadSignature, ValueError):  # what is no base64, or signed by another signer
        raise _no_link() from None
    user = User.objects.filter(public_id=requester).first()
    if export != public_id or part not in (FILE, PROOF) or user is None:
        raise _no_link()
    return part, user


def _signer() -> TimestampSigner:
    return TimestampSigner(salt=SALT)


def _no_link() -> NotFound:
    return NotFound("this link leads nowhere: it is not whole, or has had its time")
