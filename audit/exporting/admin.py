"""Exports in the console: to ask for, to watch, to download."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from audit.exporting.exports import KEEP, is_here, is_ours, request_export
from audit.exporting.links import FILE, PROOF
from audit.models import Export, ExportFormat, ExportState
from rbac.console import ServiceAdmin
from rbac.permissions import Permission
from temps.lib.actor import Actor

LABELS = {
    ExportState.PENDING: "info",
    ExportState.RUNNING: "info",
    ExportState.DONE: "success",
    ExportState.FAILED: "danger",
    ExportState.EXPIRED: "warning",
}


@admin.register(Export)
class ExportAdmin(ServiceAdmin):
    step_up = frozenset({"add"})
    permission_to_view = Permission.AUDIT_EXPORT
    permission_to_add = Permission.AUDIT_EXPORT
    list_display = ("days", "format", "standing", "percent", "created_at", "files")
    fields = ("start_date", "end_date", "format")
    ordering = ("-id",)
    sortable_by = ()
    empty_hint = "An export holds the entries of some days, with the proof that none is missing or changed."

    class Media:
        css = {"all": ("audit/export.css",)}
        js = ("audit/export.js",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        result = ("files", "covers", "sha256", "created_at", "finished_at")
        return self.fields if obj is None else ("watched", *self.fields, *result)

    @admin.display(description="days (UTC)")
    def days(self, export: Export) -> str:
        return f"{export.start_date} to {export.end_date}"

    @display(description="state", label=LABELS)  # type: ignore[untyped-decorator]
    def standing(self, export: Export) -> str:
        return export.state

    @admin.display(description="progress")
    def percent(self, export: Export) -> str:
        return "" if export.state == ExportState.FAILED else f"{export.progress} %"

    @admin.display(description="progress")
    def watched(self, export: Export) -> str:
        """A bar that ``export.js`` keeps up to date for as long as there is something to wait for."""
        if not is_ours(export):
            return "Temps did not write this row: there is no such export."
        return format_html(
            '<div class="temps-export" data-export="{}" data-state="{}">'
            '<progress max="100" value="{}" aria-label="Progress"></progress>'
            '<p role="status">{}</p></div>',
            reverse("api:audit-export", kwargs={"public_id": export.public_id}),
            export.state,
            export.progress,
            _what_is_happening(export),
        )

    @admin.display(description="entries")
    def covers(self, export: Export) -> str:
        """The sealed positions, by which whoever verifies knows them."""
        if export.first is None or export.end is None:
            return ""
        return f"{export.first} to {export.end - 1}" if export.end > export.first else "none"

    @admin.display(description="files")
    def files(self, export: Export) -> str:
        if export.state != ExportState.DONE or not is_ours(export):
            return ""
        if not is_here(export):
            return "Not on this machine: the command line wrote them elsewhere, or another host did."
        where = reverse("api:audit-export-download", kwargs={"public_id": export.public_id})
        if export.format == ExportFormat.JSON:
            return format_html('<a href="{}?part={}">Download</a>', where, FILE)
        both = '<a href="{}?part={}">Download</a> &middot; <a href="{}?part={}">Proof</a>'
        return format_html(both, where, FILE, where, PROOF)

    def create(self, form: Any, actor: Actor) -> Export:
        given = form.cleaned_data
        return request_export(given["start_date"], given["end_date"], file_format=given["format"], actor=actor)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return redirect("admin:audit_export_change", obj.pk)  # where one sees how far it is


def _what_is_happening(export: Export) -> str:
    if export.state == ExportState.PENDING:
        return "Waiting for the worker."
    if export.state == ExportState.RUNNING:
        return f"Writing: {export.done:,} of {export.total:,} entries."
    if export.state == ExportState.FAILED:
        return f"Failed: {export.error}."
    if export.state == ExportState.EXPIRED:
        return f"The files were removed after {KEEP.days} days. Ask for the export again."
    return f"Done: {export.done:,} entries, {filesizeformat(export.size)}."
