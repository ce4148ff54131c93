"""``/api/v1/audit/exports/``: the log as files."""

from __future__ import annotations

from typing import Any, BinaryIO, ClassVar

from django.http import FileResponse
from django.urls import path
from django.utils.http import urlencode
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.sessions import origin
from audit.exporting.exports import export_by_id, open_export, request_export
from audit.exporting.formats import FORMATS
from audit.exporting.links import FILE, PROOF, open_by_token, tokens
from audit.models import Export, ExportFormat
from rbac.guards import Access, actor_of
from rbac.permissions import Permission
from temps.lib.errors import Invalid


class ExportOut(serializers.ModelSerializer[Export]):
    id = serializers.CharField(source="public_id")
    requested_by = serializers.CharField(source="requested_label")
    progress = serializers.IntegerField(help_text="Percent.")
    download = serializers.SerializerMethodField(
        help_text="A link to the file, once it is done and here: good for ten minutes, without signing in."
    )
    proof = serializers.SerializerMethodField(help_text="Likewise to its proof; none for JSON, which holds its own.")

    class Meta:
        model = Export
        fields = (
            *("id", "state", "format", "start_date", "end_date", "requested_by", "created_at", "finished_at"),
            *("progress", "done", "total", "size", "sha256", "error", "first", "end"),
            *("download", "proof"),
        )

    def get_download(self, export: Export) -> str | None:
        return self._link(export, FILE)

    def get_proof(self, export: Export) -> str | None:
        return self._link(export, PROOF)

    def _link(self, export: Export, part: str) -> str | None:
        request = self.context["request"]
        token = tokens(export, actor=actor_of(request)).get(part)
        if token is None:
            return None
        where = reverse("api:audit-export-file", kwargs={"public_id": export.public_id}, request=request)
        return f"{where}?{urlencode({'token': token})}"


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


PART = OpenApiParameter("part", enum=[FILE, PROOF], default=FILE, description="Which of the two files.")
TOKEN = OpenApiParameter("token", required=True, description="As the link has it.")
BINARY = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class ExportDownload(APIView):
    """The file or its proof, for whoever asked for it, for seven days. Each download is recorded."""

    permissions: ClassVar = {"GET": Permission.AUDIT_EXPORT}

    @extend_schema(parameters=[PART], responses=BINARY)
    def get(self, request: Request, public_id: str) -> FileResponse:
        part = request.query_params.get("part", FILE)
        if part not in (FILE, PROOF):
            raise Invalid(f"there is {FILE} and {PROOF}", field="part")
        export, file = open_export(public_id, actor=actor_of(request), proof=part == PROOF)
        return _handed_out(export, file, part)


class ExportFile(APIView):
    """What a signed link leads to. The link is all that is asked for; it is good for ten minutes."""

    permissions: ClassVar = {"GET": Access.PUBLIC}
    authentication_classes = ()

    @extend_schema(parameters=[TOKEN], responses=BINARY, auth=[])
    def get(self, request: Request, public_id: str) -> FileResponse:
        token = request.query_params.get("token", "")
        export, file, part = open_by_token(public_id, token, **origin(request._request))
        return _handed_out(export, file, part)


def _handed_out(export: Export, file: BinaryIO, part: str) -> FileResponse:
    name, content_type = f"audit-{export.start_date}-{export.end_date}.{export.format}", "application/json"
    if part == PROOF:
        name += ".proof.json"
    else:
        content_type = FORMATS[export.format].content_type
    answer = FileResponse(file, as_attachment=True, filename=name, content_type=content_type)
    answer["Cache-Control"] = "no-store"
    return answer


urlpatterns = [
    path("audit/exports/", Exports.as_view(), name="audit-exports"),
    path("audit/exports/<str:public_id>/", ExportDetail.as_view(), name="audit-export"),
    path("audit/exports/<str:public_id>/download/", ExportDownload.as_view(), name="audit-export-download"),
    path("audit/exports/<str:public_id>/file/", ExportFile.as_view(), name="audit-export-file"),
]
