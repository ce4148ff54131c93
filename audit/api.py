"""``/api/v1/audit/``: events, and exports of them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import FileResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from audit.actions import Result
from audit.exporting.exports import export_by_id, open_export, request_export
from audit.models import Event, Export, ExportFormat, ExportState
from audit.reading import TEXT_LIMIT, event_by_id, narrowed, visible_events
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

    user = serializers.CharField(required=False, help_text="Email or id of who did it.")
    operation = serializers.CharField(required=False, help_text="Such as DEPLOYMENT_CREATE.")
    project = serializers.CharField(required=False, help_text="The slug.")
    result = serializers.CharField(required=False, help_text="success, denied or failure.")
    since = serializers.CharField(required=False, help_text="30m, 2h, 7d, or an ISO 8601 date or time (UTC).")
    text = serializers.CharField(
        required=False, max_length=TEXT_LIMIT, help_text="Found in the description or the resource id."
    )


class ExportOut(serializers.ModelSerializer[Export]):
    id = serializers.CharField(source="public_id")
    requested_by = serializers.CharField(source="requested_label")
    progress = serializers.IntegerField(help_text="Percent.")
    download = serializers.SerializerMethodField(help_text="Where the file is, once it is done.")

    class Meta:
        model = Export
        fields = (
            *("id", "state", "format", "start_date", "end_date", "requested_by", "created_at", "finished_at"),
            *("progress", "done", "total", "size", "sha256", "error", "download"),
        )

    def get_download(self, export: Export) -> str | None:
        if export.state != ExportState.DONE:
            return None
        where = {"public_id": export.public_id}
        return reverse("api:audit-export-download", kwargs=where, request=self.context.get("request"))


class ExportIn(serializers.Serializer[Any]):
    start_date = serializers.DateField(help_text="The first day, in UTC.")
    end_date = serializers.DateField(help_text="The last day, included.")
    format = serializers.ChoiceField(choices=ExportFormat.choices, default=ExportFormat.JSON)


@extend_schema_view(get=extend_schema(parameters=[EventFilter]))
class Events(ListAPIView[Event]):
    """What happened, newest first, as far as you may see it."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}
    serializer_class = EventOut
    queryset = Event.objects.all()

    def get_queryset(self) -> Any:
        asked = self.request.query_params.dict()
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


class Exports(ListAPIView[Export]):
    """The exports that you asked for; POST asks for one."""

    permissions: ClassVar = {"GET": Permission.AUDIT_EXPORT, "POST": Permission.AUDIT_EXPORT}
    serializer_class = ExportOut
    queryset = Export.objects.all()

    def get_queryset(self) -> Any:
        return Export.objects.visible_to(actor_of(self.request))

    @extend_schema(request=ExportIn, responses={202: ExportOut})
    def post(self, request: Request) -> Response:
        given = ExportIn(data=request.data)
        given.is_valid(raise_exception=True)
        export = request_export(
            given.validated_data["start_date"],
            given.validated_data["end_date"],
            file_format=given.validated_data["format"],
            actor=actor_of(request),
        )
        return Response(ExportOut(export, context={"request": request}).data, status=202)


class ExportDetail(APIView):
    """How far one export is."""

    permissions: ClassVar = {"GET": Permission.AUDIT_EXPORT}

    @extend_schema(responses=ExportOut)
    def get(self, request: Request, public_id: str) -> Response:
        export = export_by_id(public_id, actor=actor_of(request))
        return Response(ExportOut(export, context={"request": request}).data)


class ExportDownload(APIView):
    """The file, for whoever asked for it, for seven days. Each download is recorded."""

    permissions: ClassVar = {"GET": Permission.AUDIT_EXPORT}

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.BINARY})
    def get(self, request: Request, public_id: str) -> FileResponse:
        export, file = open_export(public_id, actor=actor_of(request))
        name = f"audit-{export.start_date}-{export.end_date}.{export.format}"
        answer = FileResponse(file, as_attachment=True, filename=name, content_type="application/json")
        answer["Cache-Control"] = "no-store"
        return answer


urlpatterns = [
    path("audit/events/", Events.as_view(), name="audit-events"),
    path("audit/events/<str:public_id>/", EventDetail.as_view(), name="audit-event"),
    path("audit/exports/", Exports.as_view(), name="audit-exports"),
    path("audit/exports/<str:public_id>/", ExportDetail.as_view(), name="audit-export"),
    path("audit/exports/<str:public_id>/download/", ExportDownload.as_view(), name="audit-export-download"),
]
