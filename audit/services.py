"""Writing to the audit log. A change that cannot be recorded does not happen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import structlog
from django.db import DatabaseError, connection, models

from audit.actions import Action, Result
from audit.diffs import noticed, sealed
from audit.diffs.identity import identity_of
from audit.inserting import insert
from audit.masking import masked, masked_text, printable
from audit.models import Event
from audit.proof.canonical import PURPOSE, REDACTED_PURPOSE, canonical
from audit.proof.rows import ADDED
from secrets_vault.sealing import authenticate, is_authentic
from temps.lib.actor import Actor, ActorKind
from temps.lib.errors import Invalid, Unavailable

log = structlog.get_logger(__name__)

METADATA_LIMIT = 8192
"""Bytes of JSON. Metadata is for ids, names and counts; a request body has no place in it."""

RESERVED = frozenset(
    {"eventId", "requestId", "project", "actorKind", "credential", "credentialId", "actor", *sealed.NAMES}
)
"""Names in metadata that ``record`` and ``Event.as_entry`` set themselves; a caller could only forge them."""


def record(
    actor: Actor,
    action: Action,
    target: models.Model | tuple[str, str],
    description: str,
    *,
    project: str = "",
    metadata: dict[str, Any] | None = None,
    result: Result = Result.SUCCESS,
) -> Event:
    """Append one event, in the transaction of the change that it tells of.

    ``target`` is the object acted on, or its type and id. What changed in the fields of it, and of other objects, since
    the last event of the transaction is part of the event (``audit.diffs``). ``description`` and ``metadata`` (plain
    JSON) never hold a secret value, token or request body; ``audit.masking`` is the net beneath that rule. ``project``
    is a slug.

    Raises :class:`Unavailable` when the database refuses the record and :class:`Invalid` when the metadata is too
    large: either way the transaction, and the change with it, rolls back. Calling this outside a transaction is a
    programming error, because then the change and its record could part.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("audit.record() belongs in the transaction of the change it records")
    kind, identity = about = target if isinstance(target, tuple) else identity_of(target)
    details = _details(actor, action, metadata or {})
    # Who was refused has changed nothing; what is open around the refusal belongs to another event.
    changed = noticed.take() if result is not Result.DENIED else []
    if changed:
        details |= sealed.in_metadata(changed, about, METADATA_LIMIT - _size(details))
    event = Event(
        actor_kind=actor.kind.value,
        user_id=_column(actor.id or actor.kind.value, 64),
        user_email=_column(_email(actor), 254),
        ip_address=_column(actor.address or "", 45),
        user_agent=_column(actor.user_agent, 512),
        operation=Action(action).value,
        resource_type=_column(kind, 40),
        resource_id=_column(identity, 128),
        description=_column(description, 500),
        metadata=details,
        result=Result(result).value,
        project=_column(project, 63),
        request_id=_column(actor.request_id, 64),
    )
    append(event, changed)
    return event


def append(event: Event, changed: Sequence[noticed.Noticed] = ()) -> None:
    """Write ``event``, which is complete but for its code, and on what was noticed that it is in this event.

    For :func:`record`, and for ``audit.folding``, which tells of what :func:`record` wrote before. Raises
    :class:`Unavailable` when the database refuses it.
    """
    event.code = authenticate(canonical(event.as_entry()), purpose=PURPOSE)
    try:
        insert(event)
        noticed.join(changed, event=event.public_id, request_id=event.request_id)
    except DatabaseError as error:
        log.error("audit.not_recorded", operation=event.operation, error=type(error).__name__)
        raise Unavailable("the audit log cannot be written, so nothing was changed") from error


def is_ours(event: Event) -> bool:
    """Whether Temps wrote ``event`` as it stands: before what it says is told again under a new code."""
    try:
        data = canonical(event.as_entry())
    except (TypeError, ValueError):
        return False
    code = event.code
    if code is None or not ADDED.isdisjoint(event.metadata):
        return False
    return any(is_authentic(data, code, purpose=purpose) for purpose in (PURPOSE, REDACTED_PURPOSE))


def _details(actor: Actor, action: Action, metadata: dict[str, Any]) -> dict[str, Any]:
    forged = RESERVED.intersection(metadata)
    if forged:
        raise ValueError(f"audit metadata may not set {', '.join(sorted(forged))}: record() does")
    details: dict[str, Any] = {"credential": actor.credential.kind.value}
    if actor.credential.id:
        details["credentialId"] = printable(actor.credential.id)
    if actor.label and not _email(actor):
        details["actor"] = printable(actor.label)
    details |= masked(metadata)
    if _size(details) > METADATA_LIMIT:
        log.error("audit.metadata_too_large", operation=action.value)
        raise Invalid("this is too much for one entry of the audit log: do it in smaller parts")
    return details


def _email(actor: Actor) -> str:
    """The address of a person or service. An operator's login name may hold an @ too and is no address of anyone."""
    local = actor.kind in (ActorKind.OPERATOR, ActorKind.SYSTEM)
    return actor.label if "@" in actor.label and not local else ""


def _size(details: dict[str, Any]) -> int:
    return len(json.dumps(details, ensure_ascii=False, allow_nan=False).encode())


def _column(text: str, limit: int) -> str:
    """``text`` as a column takes it: on one line, masked, and cut rather than refused by PostgreSQL."""
    return masked_text(text)[:limit]
