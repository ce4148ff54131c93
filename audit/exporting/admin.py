"""Exports in the console: to ask for, to watch, to download."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from audit.exporting.exports import request_export
from audit.models import Export, ExportState
from rbac.console import ServiceAdmin
from rbac.permissions import Permission
from temps.lib.actor import Actor


@admin.register(Export)
class ExportAdmin(ServiceAdmin):
    permission_to_view = Permission.AUDIT_EXPORT
    permission_to_add = Permission.AUDIT_EXPORT
    list_display = ("days", "format", "state", "percent", "created_at", "file")
    fields = ("start_date", "end_date", "format")
    ordering = ("-id",)
    sortable_by = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        result = ("state", "percent", "total", "size", "sha256", "error", "created_at", "finished_at", "file")
        return self.fields if obj is None else (*self.fields, *result)

    @admin.display(description="days (UTC)")
    def days(self, export: Export) -> str:
        return f"{export.start_date} to {export.end_date}"

    @admin.display(description="progress")
    def percent(self, export: Export) -> str:
        return f"{export.progress} %"

    @admin.display(description="file")
    def file(self, export: Export) -> str:
        if export.state != ExportState.DONE:
            return ""
        where = reverse("api:audit-export-download", kwargs={"public_id": export.public_id})
        return format_html('<a href="{}">Download</a>', where)

    def create(self, form: Any, actor: Actor) -> Export:
        given = form.cleaned_data
        return request_export(given["start_date"], given["end_date"], file_format=given["format"], actor=actor)
