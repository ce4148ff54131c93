"""``/api/v1/audit/exports/``: the log as files."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import FileResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from audit.exporting.exports import export_by_id, open_export, request_export
from audit.models import Export, ExportFormat, ExportState
from rbac.guards import actor_of
from rbac.permissions import Permission


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
    path("audit/exports/", Exports.as_view(), name="audit-exports"),
    path("audit/exports/<str:public_id>/", ExportDetail.as_view(), name="audit-export"),
    path("audit/exports/<str:public_id>/download/", ExportDownload.as_view(), name="audit-export-download"),
]
