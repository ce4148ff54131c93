"""``/api/v1/audit/events/``: what happened."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actions import Result
from audit.models import Event
from audit.reading import FILTERS, TEXT_LIMIT, event_by_id, narrowed, visible_events
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.errors import Invalid

PAGING = frozenset({"cursor", "limit", "format"})


class EventOut(serializers.Serializer[Event]):
    """One entry in the documented format (docs/audit.md)."""

    timestamp = serializers.DateTimeField(help_text="UTC, ISO 8601 with milliseconds.")
    userId = serializers.CharField()
    userEmail = serializers.CharField()
    ipAddress = serializers.CharField()
    userAgent = serializers.CharField()
    operation = serializers.CharField(help_text="One of the closed vocabulary, such as DEPLOYMENT_CREATE.")
    resourceType = serializers.CharField()
    resourceId = serializers.CharField()
    description = serializers.CharField()
    metadata = serializers.DictField(help_text="Always with eventId, requestId, project and credential.")
    result = serializers.ChoiceField(choices=[result.value for result in Result])

    def to_representation(self, instance: Event) -> dict[str, Any]:
        return instance.as_entry()


class EventFilter(serializers.Serializer[Any]):
    """The query parameters of the list; ``audit.reading`` says which values each takes."""

    user = serializers.CharField(required=False, help_text=FILTERS["user"])
    operation = serializers.CharField(required=False, help_text=FILTERS["operation"])
    project = serializers.CharField(required=False, help_text=FILTERS["project"])
    result = serializers.CharField(required=False, help_text=FILTERS["result"])
    address = serializers.CharField(required=False, help_text=FILTERS["address"])
    since = serializers.CharField(required=False, help_text=FILTERS["since"])
    until = serializers.CharField(required=False, help_text=FILTERS["until"])
    text = serializers.CharField(required=False, max_length=TEXT_LIMIT, help_text=FILTERS["text"])
    resource = serializers.CharField(required=False, help_text=FILTERS["resource"])
    request = serializers.CharField(required=False, help_text=FILTERS["request"])


@extend_schema_view(get=extend_schema(parameters=[EventFilter]))
class Events(ListAPIView[Event]):
    """What happened, newest first, as far as you may see it."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}
    serializer_class = EventOut
    queryset = Event.objects.all()

    def get_queryset(self) -> Any:
        asked = self.request.query_params.dict()
        twice = sorted(name for name, values in self.request.query_params.lists() if len(values) > 1)
        if twice:  # the last would win, and the others look as if they had been heeded
            raise Invalid("this filter is given more than once", field=twice[0])
        unknown = sorted(asked.keys() - EventFilter().fields.keys() - PAGING)
        if unknown:  # a mistyped filter would otherwise match everything
            raise Invalid(
                f"there is no filter with this name; there are {', '.join(EventFilter().fields)}", field=unknown[0]
            )
        filters = {name: value for name, value in asked.items() if name not in PAGING}
        return narrowed(visible_events(actor_of(self.request)), **filters)


class EventDetail(APIView):
    """One event."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}

    @extend_schema(responses=EventOut)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(event_by_id(public_id, actor=actor_of(request)).as_entry())


urlpatterns = [
    path("audit/events/", Events.as_view(), name="audit-events"),
    path("audit/events/<str:public_id>/", EventDetail.as_view(), name="audit-event"),
]
