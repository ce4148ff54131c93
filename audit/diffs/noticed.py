"""What auditlog noticed in the transaction that is open, until ``record`` takes it.

It waits in the list of what the connection does on commit. Django takes entries out of that list when the savepoint
they were made in is rolled back, and empties it when the transaction ends; the list belongs to one connection, and so
to one thread. So nothing that did not happen reaches an event, and nothing of another request's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from django.db import DatabaseError, connection, models, transaction

from audit.diffs.identity import Identity, identity_of
from audit.masking import masked, masked_text
from temps.lib.errors import Unavailable

if TYPE_CHECKING:
    from auditlog.models import LogEntry  # at run time auditlog may not be loaded yet, and signals bring the rows

log = structlog.get_logger(__name__)

Pair = list[Any]
"""Before and after."""
Diff = dict[str, Pair]


@dataclass(eq=False)
class Noticed:
    """One row of auditlog's table, written in this transaction."""

    resource: Identity
    diff: Diff
    row: LogEntry
    taken: bool = False

    def __call__(self) -> None:
        """The transaction has committed; there is nothing left to do."""


def take() -> list[Noticed]:
    """What was noticed since the last call in this transaction, in order; each once."""
    found = _waiting()
    for one in found:
        one.taken = True
    return found


def is_waiting() -> bool:
    """Whether something was noticed that no event of this transaction has taken yet."""
    return bool(_waiting())


def _waiting() -> list[Noticed]:
    calls = [entry[1] for entry in connection.run_on_commit]
    return [call for call in calls if isinstance(call, Noticed) and not call.taken]


def join(found: Sequence[Noticed], *, event: str, request_id: str) -> None:
    """Write on the rows which event took them. A command or task has a request id of its own, that auditlog missed."""
    if found:
        rows = type(found[0].row)._default_manager.filter(pk__in=[one.row.pk for one in found])
        rows.update(cid=request_id, additional_data={"event": event})


def request_id() -> str | None:
    """The id of the request that is being answered (``AUDITLOG_CID_GETTER``)."""
    bound = structlog.contextvars.get_contextvars().get("request_id")
    return None if bound is None else str(bound)


def clean(sender: Any, instance: Any, **_signal: Any) -> None:
    """Before auditlog writes a row: the net of ``audit.masking`` under its values, and the object by its public name.

    Connected to ``pre_save`` of auditlog's model.
    """
    if not instance._state.adding:
        return
    named = (instance.additional_data or {}).get("resourceId")
    instance.object_pk = named or instance.object_pk
    instance.object_repr = masked_text(instance.object_repr)[:200]
    model = instance.content_type.model_class()
    instance.changes = {
        name: pair
        for name, values in (instance.changes or {}).items()
        if _says_something(pair := [_shown(model, name, value) for value in values])
    }


def notice(sender: Any, instance: models.Model, log_entry: Any, error: Exception | None, **_signal: Any) -> None:
    """After auditlog has written a row, or failed to. Connected to its ``post_log``."""
    if isinstance(error, DatabaseError):
        log.error("audit.diff_not_recorded", model=sender._meta.label, error=type(error).__name__)
        raise Unavailable("the audit log cannot be written, so nothing was changed") from error
    if log_entry is not None:
        diff = dict(sorted(log_entry.changes.items()))
        transaction.on_commit(Noticed(identity_of(instance), diff, log_entry))


def _shown(model: type[models.Model] | None, name: str, value: Any) -> Any:
    if model is not None and value is not None and isinstance(model._meta.get_field(name), models.DateTimeField):
        return str(value).replace(" ", "T") + "Z"  # auditlog gives UTC without saying so (RFC 3339)
    return masked(value)


def _says_something(pair: Pair) -> bool:
    """Not so: that a field which was left empty is empty."""
    return any(value not in (None, "", [], {}) for value in pair)
