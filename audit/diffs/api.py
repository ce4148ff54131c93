"""``/api/v1/audit/changes/``: what changed in the fields of objects, before and after."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from audit.actions import Result
from audit.diffs.history import Entry, entries_of, history_of
from audit.models import Event
from audit.reading import visible_events
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib import clock
from temps.lib.errors import Invalid

PAGING = frozenset({"cursor", "limit", "format"})


class BesideOut(serializers.Serializer[Any]):
    """Another object that the same operation changed."""

    resourceType = serializers.CharField()
    resourceId = serializers.CharField()
    changes = serializers.DictField(help_text="By field: the value before and the value after.")


class ChangeOut(serializers.Serializer[Entry]):
    """One event and what it changed. Values that are secret are [masked], those it had no room for [too long]."""

    eventId = serializers.CharField()
    requestId = serializers.CharField()
    timestamp = serializers.DateTimeField()
    userId = serializers.CharField()
    userEmail = serializers.CharField()
    operation = serializers.CharField()
    result = serializers.ChoiceField(choices=[result.value for result in Result])
    resourceType = serializers.CharField()
    resourceId = serializers.CharField()
    description = serializers.CharField()
    changes = serializers.DictField(help_text="By field of the object asked about: the value before, the value after.")
    alsoChanged = BesideOut(many=True)

    def to_representation(self, instance: Entry) -> dict[str, Any]:
        event = instance.event
        return {
            "eventId": event.public_id,
            "requestId": event.request_id,
            "timestamp": clock.iso_exact(event.timestamp),
            "userId": event.user_id,
            "userEmail": event.user_email,
            "operation": event.operation,
            "result": event.result,
            "resourceType": event.resource_type,
            "resourceId": event.resource_id,
            "description": event.description,
            "changes": instance.changes,
            "alsoChanged": event.metadata.get("alsoChanged", []),
        }


class ChangeFilter(serializers.Serializer[Any]):
    """The query parameters of the list."""

    resource_type = serializers.CharField(
        required=False, max_length=40, help_text="Such as project; with resource_id, the history of that object."
    )
    resource_id = serializers.CharField(required=False, max_length=128, help_text="Slug or public id.")
    request_id = serializers.CharField(required=False, max_length=64, help_text="What one request changed.")


@extend_schema_view(get=extend_schema(parameters=[ChangeFilter]))
class Changes(ListAPIView[Event]):
    """What changed, newest first, as far as you may see it."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}
    serializer_class = ChangeOut  # type: ignore[assignment]  # of events with what they changed, by paginate_queryset
    queryset = Event.objects.all()

    def get_queryset(self) -> Any:
        asked = self._asked()
        actor = actor_of(self.request)
        kind, name = asked.get("resource_type", ""), asked.get("resource_id", "")
        if bool(kind) != bool(name):
            raise Invalid("an object is named by both, resource_type and resource_id", field="resource_type")
        events = history_of((kind, name), actor=actor) if kind else visible_events(actor)
        if request_id := asked.get("request_id"):
            events = events.filter(request_id=request_id)
        return events.filter(metadata__has_any_keys=["changes", "alsoChanged", "alsoChangedCount"])

    def paginate_queryset(self, queryset: Any) -> Any:
        events = super().paginate_queryset(queryset) or []
        asked = self._asked()
        if "resource_type" in asked:
            return entries_of((asked["resource_type"], asked["resource_id"]), events)
        return [Entry(event, event.metadata.get("changes", {})) for event in events]

    def _asked(self) -> dict[str, str]:
        unknown = sorted(self.request.query_params.keys() - ChangeFilter().fields.keys() - PAGING)
        if unknown:  # a mistyped filter would otherwise match everything
            raise Invalid(f"there are the filters {', '.join(ChangeFilter().fields)}", field=unknown[0])
        given = ChangeFilter(data=self.request.query_params.dict())
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)


urlpatterns = [path("audit/changes/", Changes.as_view(), name="audit-changes")]
