"""The audit log in the console: events to read, exports to ask for."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.decorators import display

import audit.exporting.admin
import audit.retention.admin  # noqa: F401  (Django finds this module alone)
from audit.actions import Action, Result
from audit.diffs.console import history_urls
from audit.models import Event
from audit.reading import TEXT_LIMIT, narrowed, visible_events, who
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission

COUNT_LIMIT = 10_000
"""Counting a million rows costs more than showing fifty of them; whoever wants to look further back uses a filter."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages over the newest :data:`COUNT_LIMIT` rows that match."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]  # the console pages over querysets alone
        return rows.order_by()[:COUNT_LIMIT].count()


class Narrowing(admin.SimpleListFilter):
    """A filter of the sidebar that asks :func:`audit.reading.narrowed`, as the API and the command line do."""

    choices_given: tuple[tuple[str, str], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return self.choices_given

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        value = self.value()
        known = value in {choice for choice, _label in self.choices_given}
        return narrowed(queryset, **{str(self.parameter_name): str(value)}) if known else queryset


class BySince(Narrowing):
    title = "time"
    parameter_name = "since"
    choices_given = (("1h", "Last hour"), ("1d", "Last day"), ("7d", "Last 7 days"), ("30d", "Last 30 days"))


class ByResult(Narrowing):
    title = "result"
    parameter_name = "result"
    choices_given = tuple((result.value, result.value) for result in Result)


class ByOperation(Narrowing):
    title = "operation"
    parameter_name = "operation"
    choices_given = tuple((action.value, action.value) for action in sorted(Action))


@admin.register(Event)
class EventAdmin(ServiceAdmin):
    permission_to_view = Permission.AUDIT_READ
    list_display = ("time", "by", "operation", "description", "in_project", "outcome", "address")
    list_display_links = ("time",)
    list_filter = (BySince, ByResult, ByOperation)
    linked_lookups = ("user_id", "project")
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    search_fields = ("description",)  # shows the box; get_search_results does the searching
    search_help_text = "Descriptions and resource ids"
    ordering = ("-id",)
    sortable_by = ()
    fields = ("description", "entry")

    def get_urls(self) -> list[Any]:
        return [*history_urls(self.admin_site), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return visible_events(actor_of(request)).order_by("-id")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What the queryset gives may be seen: an event names its project by slug, which the guards cannot ask about.
        return super().has_view_permission(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        return narrowed(queryset, text=search_term.replace("\0", "")[:TEXT_LIMIT]), False

    @admin.display(description="time (UTC)")
    def time(self, event: Event) -> str:
        return f"{event.timestamp:%Y-%m-%d %H:%M:%S}"

    # A click on a person or a project shows what is theirs alone.

    @admin.display(description="who")
    def by(self, event: Event) -> str:
        return _only(user_id=event.user_id, label=who(event))

    @admin.display(description="project")
    def in_project(self, event: Event) -> str:
        return _only(project=event.project, label=event.project) if event.project else ""

    @display(  # type: ignore[untyped-decorator]
        description="result", label={"success": "success", "denied": "warning", "failure": "danger"}
    )
    def outcome(self, event: Event) -> str:
        return event.result

    @admin.display(description="address")
    def address(self, event: Event) -> str:
        return event.ip_address

    @admin.display(description="entry")
    def entry(self, event: Event) -> str:
        return format_html("<pre>{}</pre>", json.dumps(event.as_entry(), indent=2, ensure_ascii=False))


def _only(*, label: str, **lookup: str) -> str:
    """A link to the list narrowed to ``lookup``."""
    return format_html('<a href="{}?{}">{}</a>', reverse("admin:audit_event_changelist"), urlencode(lookup), label)
