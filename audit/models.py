"""The event, one row for one thing that somebody did, or was not let do; and the export, a file of many.

Events are written by ``audit.services.record`` alone and never change, but for what names a person who is erased
(``audit.redaction``): the manager refuses it, and triggers in the database refuse it to everyone else
(``audit.triggers``). History outlives what it describes, so an event names users and objects by value and has no
foreign key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn

from django.db import models

from audit.actions import Result
from audit.proof.models import Checkpoint, RedactedEntry, Redaction, Retirement, SigningKey, Tile, Tree
from audit.retention.models import LegalHold, RetentionPolicy
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField

__all__ = [
    "Checkpoint",
    "Event",
    "Export",
    "Fold",
    "LegalHold",
    "RedactedEntry",
    "Redaction",
    "RetentionPolicy",
    "Retirement",
    "SigningKey",
    "Tile",
    "Tree",
]

ENTRY_COLUMNS = (
    *("timestamp", "actor_kind", "user_id", "user_email", "ip_address", "user_agent", "operation", "resource_type"),
    *("resource_id", "description", "metadata", "result", "public_id", "request_id", "project"),
)
"""What :func:`entry_of` takes, in its order: every column but the row's own key and its position."""

REDACTED_COLUMNS = ("user_email", "ip_address", "user_agent", "resource_id", "description", "metadata")
"""Those that may be rewritten when a person is erased (``audit.redaction``)."""


def entry_of(timestamp: datetime, *columns: Any) -> dict[str, Any]:
    """The documented format (``docs/audit.md``): what is sealed, and what API, command line and exports show."""
    return entry_in_text(clock.iso_exact(timestamp), *columns)


def entry_in_text(
    timestamp: str,
    actor_kind: str,
    user_id: str,
    user_email: str,
    ip_address: str,
    user_agent: str,
    operation: str,
    resource_type: str,
    resource_id: str,
    description: str,
    metadata: dict[str, Any],
    result: str,
    public_id: str,
    request_id: str,
    project: str,
) -> dict[str, Any]:
    """:func:`entry_of` with the time as :func:`~temps.lib.clock.iso_exact` writes it."""
    return {
        "timestamp": timestamp,
        "userId": user_id,
        "userEmail": user_email,
        "ipAddress": ip_address,
        "userAgent": user_agent,
        "operation": operation,
        "resourceType": resource_type,
        "resourceId": resource_id,
        "description": description,
        "metadata": metadata
        | {"eventId": public_id, "requestId": request_id, "project": project, "actorKind": actor_kind},
        "result": result,
    }


class AppendOnly(RuntimeError):
    """Something tried to change the audit log."""


class EventQuerySet(models.QuerySet["Event"]):
    def update(self, **_changes: Any) -> NoReturn:
        raise AppendOnly("events of the audit log are never changed")

    def delete(self) -> NoReturn:
        raise AppendOnly("events of the audit log are never deleted")


class Event(models.Model):
    public_id = PublicIdField(prefix="evt")
    timestamp = models.DateTimeField(default=clock.now, editable=False)
    actor_kind = models.CharField(max_length=16)
    user_id = models.CharField(max_length=64)
    """The public id of the user or service; ``operator``, or the name of the background work, otherwise."""
    user_email = models.CharField(max_length=254, blank=True)
    ip_address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=512, blank=True)
    operation = models.CharField(max_length=40)
    """One of :class:`audit.actions.Action`, checked by ``record``: a new one needs no migration."""
    resource_type = models.CharField(max_length=40)
    resource_id = models.CharField(max_length=128)
    description = models.CharField(max_length=500)
    metadata = models.JSONField(default=dict)
    result = models.CharField(max_length=8, choices=[(result.value, result.value) for result in Result])
    project = models.CharField(max_length=63, blank=True)
    """The slug, by value; empty for what belongs to the platform."""
    request_id = models.CharField(max_length=64, blank=True)
    position = models.PositiveBigIntegerField(null=True, editable=False)
    """The place in the sealed order, from 0 without gaps; null until the sealer has come by, and fixed from then on."""

    code = models.BinaryField(null=True, editable=False)
    """Proves to the sealer that Temps wrote the event and not somebody with the database alone; null in events from
    before there was sealing."""

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("user_email", "-id"), name="event_by_user"),
            models.Index(fields=("operation", "-id"), name="event_by_operation"),
            models.Index(fields=("project", "-id"), name="event_by_project"),
            models.Index(fields=("result", "-id"), name="event_by_result"),
            models.Index(fields=("resource_type", "resource_id", "-id"), name="event_by_resource"),
            models.Index(fields=("timestamp",), name="event_by_time"),
            models.Index(fields=("id",), name="event_unsealed", condition=models.Q(position=None)),
        )
        constraints = (
            models.CheckConstraint(
                name="event_result_is_known", condition=models.Q(result__in=[result.value for result in Result])
            ),
            models.UniqueConstraint(
                fields=("position",), name="event_position_once", condition=models.Q(position__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{clock.iso(self.timestamp)} {self.operation} {self.result} {self.user_email or self.user_id}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("events of the audit log are never changed")
        super().save(*args, **options)

    def delete(self, *_args: Any, **_options: Any) -> NoReturn:
        raise AppendOnly("events of the audit log are never deleted")

    def as_entry(self) -> dict[str, Any]:
        """The event in the documented format."""
        return entry_of(*(getattr(self, name) for name in ENTRY_COLUMNS))


class Fold(models.Model):
    """Identical refusals or failures that came again soon after the first: counted here, told by one event later."""

    key = models.CharField(max_length=64, unique=True, editable=False)
    """What makes them identical, hashed."""
    event = models.CharField(max_length=32, editable=False)
    """The public id of the first, which was recorded at once."""
    count = models.PositiveBigIntegerField(default=0, editable=False)
    """How often it came again."""
    opened_at = models.DateTimeField(default=clock.now, editable=False, db_index=True)
    last_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"{self.event} and {self.count} more"


class ExportState(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    """It was done, and its file has been removed since."""


class ExportFormat(models.TextChoices):
    JSON = "json", "JSON"
    NDJSON = "ndjson", "NDJSON"
    CSV = "csv", "CSV"
    CEF = "cef", "CEF"
    OCSF = "ocsf", "OCSF"


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, actor: Actor) -> ExportQuerySet:
        """Those that ``actor`` asked for: a file of everything is for nobody else."""
        return self.filter(requested_by=actor.id)


class Export(models.Model):
    """The events of a range of days (UTC, both ends included) as one file in the data directory."""

    public_id = PublicIdField(prefix="exp")
    requested_by = models.CharField(max_length=64, editable=False)
    """The public id of the user, or ``operator``; by value, as in events."""
    requested_label = models.CharField(max_length=254, editable=False)
    start_date = models.DateField()
    end_date = models.DateField()
    format = models.CharField(max_length=8, choices=ExportFormat.choices, default=ExportFormat.JSON)
    state = models.CharField(max_length=8, choices=ExportState.choices, default=ExportState.PENDING, editable=False)
    claim = models.CharField(max_length=32, blank=True, editable=False)
    """Random, new with every try: a worker that was overtaken notices that the export is no longer its own."""
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    touched_at = models.DateTimeField(null=True, editable=False)
    """The last sign of life of the worker that holds the claim."""
    first = models.PositiveBigIntegerField(null=True, editable=False)
    end = models.PositiveBigIntegerField(null=True, editable=False)
    """The sealed positions it covers, without gaps: from ``first`` up to but not including ``end``."""
    total = models.PositiveBigIntegerField(default=0, editable=False)
    done = models.PositiveBigIntegerField(default=0, editable=False)
    size = models.PositiveBigIntegerField(default=0, editable=False)
    """Bytes of the file."""
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, editable=False)
    error = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("requested_by", "-id"), name="export_by_requester"),)
        constraints = (
            models.CheckConstraint(
                name="export_ends_after_it_starts", condition=models.Q(start_date__lte=models.F("end_date"))
            ),
            models.CheckConstraint(name="export_state_is_known", condition=models.Q(state__in=ExportState.values)),
        )

    def __str__(self) -> str:
        return f"{self.start_date} to {self.end_date} ({self.format})"

    @property
    def progress(self) -> int:
        """Percent."""
        if self.state in (ExportState.DONE, ExportState.EXPIRED):
            return 100
        return min(99, self.done * 100 // self.total) if self.total else 0
