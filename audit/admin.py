"""The audit log in the console: events as a list, as a timeline and as charts, and each on a page of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.http import urlencode

import audit.exporting.admin
import audit.retention.admin  # noqa: F401  (Django finds this module alone)
from audit.console import views
from audit.console.event_page import context_of
from audit.console.filters import SIDEBAR
from audit.diffs.console import history_urls
from audit.models import Event
from audit.reading import TEXT_LIMIT, event_by_id, narrowed, visible_events, who
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.errors import NotFound

COUNT_LIMIT = 10_000
"""Counting a million rows costs more than showing fifty of them; whoever wants to look further back uses a filter."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages over the newest :data:`COUNT_LIMIT` rows that match."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]  # the console pages over querysets alone
        return rows.order_by()[:COUNT_LIMIT].count()


@admin.register(Event)
class EventAdmin(ServiceAdmin):
    permission_to_view = Permission.AUDIT_READ
    list_display = ("time", "by", "what", "in_project", "outcome", "address")
    list_display_links = None
    list_filter = SIDEBAR
    list_filter_submit = True
    list_before_template = "audit/head.html"
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    search_fields = ("description",)  # shows the box; get_search_results does the searching
    search_help_text = "Descriptions, resource ids and user agents"
    ordering = ("-id",)
    sortable_by = ()
    empty_hint = "Whatever changes something in Temps, and whatever was refused, appears in this list."

    class Media:
        css = {"all": ("audit/audit.css",)}

    # Reading

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return visible_events(actor_of(request)).order_by("-id")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Event | None:
        """By the public id: the number of the row would tell how much happens in projects of others."""
        try:
            return event_by_id(object_id, actor=actor_of(request))
        except NotFound:
            return None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What the queryset gives may be seen: an event names its project by slug, which the guards cannot ask about.
        return super().has_view_permission(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        return narrowed(queryset, text=search_term.replace("\0", "")[:TEXT_LIMIT]), False

    # Pages

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("timeline/", self._page(views.timeline, "audit/timeline.html"), name="audit_event_timeline"),
            path("charts/", self._page(views.charts, "audit/charts.html"), name="audit_event_charts"),
        ]
        return [*own, *history_urls(self.admin_site), *super().get_urls()]

    def _page(self, context: Callable[[HttpRequest], dict[str, Any]], template: str) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest) -> HttpResponse:
            around = self.admin_site.each_context(request)
            return TemplateResponse(request, template, {**around, **context(request), "media": self.media})

        return self.admin_site.admin_view(view)  # type: ignore[no-any-return]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "head": views.head(request, "list")})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied("an event is never changed")
        event = self.get_object(request, object_id)
        if event is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        context = context_of(event, actor=actor_of(request))
        around = self.admin_site.each_context(request)
        title = {"title": event.description, "opts": self.opts, "media": self.media}
        return TemplateResponse(request, "audit/event.html", {**around, **title, **context})

    # Columns. A click on a person, a project or an address shows what is theirs alone.

    @admin.display(description="time (UTC)")
    def time(self, event: Event) -> str:
        link = reverse("admin:audit_event_change", args=[event.public_id])
        return format_html('<a href="{}">{}</a>', link, f"{event.timestamp:%Y-%m-%d %H:%M:%S}")

    @admin.display(description="who")
    def by(self, event: Event) -> str:
        return _only(user=event.user_email or event.user_id, label=who(event))

    @admin.display(description="what")
    def what(self, event: Event) -> str:
        return format_html('<span>{}<br><code class="audit-small">{}</code></span>', event.description, event.operation)

    @admin.display(description="project")
    def in_project(self, event: Event) -> str:
        return _only(project=event.project, label=event.project) if event.project else ""

    @admin.display(description="result")
    def outcome(self, event: Event) -> str:
        return format_html('<span class="temps-result temps-result-{}">{}</span>', event.result, event.result)

    @admin.display(description="address")
    def address(self, event: Event) -> str:
        return _only(address=event.ip_address, label=event.ip_address) if event.ip_address else ""


def _only(*, label: str, **given: str) -> str:
    """A link to the list narrowed to ``given``."""
    return format_html('<a href="{}?{}">{}</a>', reverse("admin:audit_event_changelist"), urlencode(given), label)
