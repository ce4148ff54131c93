"""Writing to the audit log. A change that cannot be recorded does not happen."""

from __future__ import annotations

import json
from typing import Any

import structlog
from django.db import DatabaseError, connection, models, transaction

from audit.actions import Action, Result
from audit.models import Event
from temps.lib.actor import Actor
from temps.lib.errors import Denied

log = structlog.get_logger(__name__)

METADATA_LIMIT = 8192
"""Bytes of JSON. Metadata is for ids, names and counts; a request body has no place in it."""




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

    ``target`` is the object acted on, or its type and id. ``description`` and ``metadata`` never hold a secret value,
    token or request body. ``project`` is a slug. Calling this outside a transaction is a programming error, because
    then the change and its record could part.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("audit.record() belongs in the transaction of the change it records")
    kind, identity = target if isinstance(target, tuple) else _identify(target)
    details = {"credential": actor.credential.kind.value} | (metadata or {})
    if actor.credential.id:
        details.setdefault("credentialId", actor.credential.id)
    if len(json.dumps(details)) > METADATA_LIMIT:
        raise ValueError(f"metadata of {action} exceeds {METADATA_LIMIT} bytes")
    return Event.objects.create(
        actor_kind=actor.kind.value,
        user_id=actor.id or actor.kind.value,
        user_email=actor.label if "@" in actor.label else "",
        ip_address=actor.address or "",
        user_agent=_printable(actor.user_agent)[:512],
        operation=Action(action).value,
        resource_type=kind,
        resource_id=identity[:128],
        description=_printable(description)[:500],
        metadata=details,
        result=Result(result).value,
        project=project,
        request_id=actor.request_id,
    )


def record_denial(denied: Denied) -> None:
    """Record, in a transaction of its own, what was refused. Called by faces once the refused one has rolled back.

    The refusal stands whether or not it can be recorded, so a failing database is logged and not raised.
    """
    if denied.actor is None:
        return
    try:
        with transaction.atomic():
            record(
                denied.actor,
                Action.PERMISSION_CHECK,
                ("permission", denied.permission or "unknown"),
                denied.message,
                project=denied.project,
                metadata={"environment": denied.environment} if denied.environment else None,
                result=Result.DENIED,
            )
    except DatabaseError as error:
        log.error("audit.denial_not_recorded", error=type(error).__name__)


def _identify(target: models.Model) -> tuple[str, str]:
    identity = getattr(target, "slug", None) or getattr(target, "public_id", None) or target.pk
    return target._meta.model_name or type(target).__name__.lower(), str(identity)


def _printable(text: str) -> str:
    """Control characters out, so that a crafted user agent cannot forge lines on a terminal or in a log."""
    return "".join(character if character.isprintable() else " " for character in text)
