"""The page that the *History* button of an object leads to. It is the audit log's, so it stays when the object goes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from audit.diffs.history import Entry, entries_of, history_of
from audit.models import Event
from audit.reading import who
from rbac.guards import actor_of
from rbac.permissions import Permission
from rbac.services import allowed_anywhere

PAGE = 50
"""Events on one page."""

Fields = list[tuple[str, str, str]]
"""Name, before and after, as the template ``audit/diff.html`` shows them."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, as the template shows it."""

    event: Event
    link: str
    who: str
    fields: Fields


def history_urls(site: AdminSite) -> list[URLPattern]:
    def view(request: HttpRequest, kind: str, name: str) -> HttpResponse:
        return history_page(request, kind, name, site)

    return [path("history/<str:kind>/<str:name>/", site.admin_view(view), name="audit_event_history_of")]


def history_page(request: HttpRequest, kind: str, name: str, site: AdminSite) -> HttpResponse:
    """Everything that happened to one object, newest first, as far as the visitor may see it; ``?before=`` pages."""
    actor = actor_of(request)
    if not allowed_anywhere(actor, Permission.AUDIT_READ):
        raise PermissionDenied("this needs the permission audit:read")
    before = request.GET.get("before", "")
    events = history_of((kind, name), actor=actor)
    if before:
        if not (before.isdecimal() and before.isascii() and len(before) < 19):
            raise BadRequest("'before' is not the number of a row")
        events = events.filter(id__lt=int(before))
    rows = list(events[: PAGE + 1])
    context = {
        **site.each_context(request),
        "title": f"History of {kind} {name}",
        "lines": [_line(entry) for entry in entries_of((kind, name), rows[:PAGE])],
        "older": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "is_first": not before,
    }
    return TemplateResponse(request, "audit/history.html", context)


def _line(entry: Entry) -> Line:
    event = entry.event
    return Line(
        event,
        reverse("admin:audit_event_change", args=[event.public_id]),
        who(event),
        fields_of(entry.changes),
    )


def fields_of(diff: Any) -> Fields:
    """A diff, in words for people; nothing of what is none, such as the mark of one that was too long."""
    pairs = diff.items() if isinstance(diff, dict) else ()
    return [(_label(name), *_both(pair)) for name, pair in pairs]


def _both(pair: Any) -> tuple[str, str]:
    before, after = pair if isinstance(pair, list) and len(pair) == 2 else (pair, pair)
    return _text(before), _text(after)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    """A value for people: nothing for what is empty, and plain words rather than JSON where it is simple."""
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
