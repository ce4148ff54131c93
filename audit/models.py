"""The event: one row for one thing that somebody did, or was not let do.

Rows are written by ``audit.services.record`` alone and never change: the manager refuses it, and triggers in the
database refuse it to everyone else (``audit.triggers``). History outlives what it describes, so an event names
users and objects by value and has no foreign key.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from audit.actions import Result
from temps.lib import clock
from temps.lib.ids import PublicIdField


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

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("user_email", "-id"), name="event_by_user"),
            models.Index(fields=("operation", "-id"), name="event_by_operation"),
            models.Index(fields=("project", "-id"), name="event_by_project"),
            models.Index(fields=("result", "-id"), name="event_by_result"),
            models.Index(fields=("timestamp",), name="event_by_time"),
        )
        constraints = (
            models.CheckConstraint(
                name="event_result_is_known", condition=models.Q(result__in=[result.value for result in Result])
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
        """The documented format (``docs/audit.md``): what the API, the command line and exports show."""
        return {
            "timestamp": clock.iso(self.timestamp),
            "userId": self.user_id,
            "userEmail": self.user_email,
            "ipAddress": self.ip_address,
            "userAgent": self.user_agent,
            "operation": self.operation,
            "resourceType": self.resource_type,
            "resourceId": self.resource_id,
            "description": self.description,
            "metadata": {"eventId": self.public_id, "requestId": self.request_id, "project": self.project}
            | self.metadata,
            "result": self.result,
        }
