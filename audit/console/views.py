"""The timeline and the charts, beside the list: the same events, the same filters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from audit.actions import Result
from audit.console.chart import chart_of, span
from audit.console.filters import OPERATIONS, FilterForm
from audit.console.seal_state import log_state
from audit.console.timeline import days_of
from audit.counting import EPOCH, LIMIT, Activity, activity
from audit.models import Event
from audit.reading import FILTERS, TEXT_LIMIT, event_by_id, parse_time, visible_events
from rbac.guards import actor_of
from rbac.permissions import Permission
from rbac.services import allowed_anywhere
from temps.lib import clock
from temps.lib.errors import NotFound

PAGE = 200
"""Events on one page of the timeline."""
DEFAULT_RANGE, DEFAULT_SPAN = "7d", timedelta(days=7)
"""What the charts show when no beginning is given."""
VIEWS = (
    ("list", "admin:audit_event_changelist", "List", "list"),
    ("timeline", "admin:audit_event_timeline", "Timeline", "timeline"),
    ("charts", "admin:audit_event_charts", "Charts", "bar_chart"),
)
RANGES = (("1h", "Last hour"), ("1d", "Last day"), ("7d", "Last 7 days"), ("30d", "Last 30 days"), ("", "All"))


def head(request: HttpRequest, current: str) -> dict[str, Any]:
    """What stands above each of the three: the way to the others with the same filters, ranges, and how sealing is."""
    given = _given(request)
    default = DEFAULT_RANGE if current == "charts" else ""
    place = next(place for name, place, _label, _icon in VIEWS if name == current)
    return {
        "views": [
            {"label": label, "icon": icon, "link": _link(place, given), "current": name == current}
            for name, place, label, icon in VIEWS
        ],
        "ranges": [
            {
                "label": label,
                "link": _link(place, given | {"since": since, "until": ""}),
                "current": not given["until"] and (given["since"] or default) == since,
            }
            for since, label in RANGES
            if since or current != "charts"
        ],
        "seal": log_state(actor=actor_of(request)),
        "operations": OPERATIONS,
    }


def timeline(request: HttpRequest) -> dict[str, Any]:
    """The context of the timeline's page. ``before`` is the id of the event that the page goes on from."""
    form, rows = _asked(request)
    before = request.GET.get("before", "")
    if before:
        try:
            rows = rows.filter(pk__lt=event_by_id(before[:64], actor=actor_of(request)).pk)
        except NotFound:
            raise Http404 from None
    events = list(rows.order_by("-id")[: PAGE + 1])
    shown = events[:PAGE]
    older = (
        _link("admin:audit_event_timeline", _given(request) | {"before": shown[-1].public_id}) if events[PAGE:] else ""
    )
    return {
        "title": "Audit log: timeline",
        "head": head(request, "timeline"),
        "form": form,
        "days": days_of(shown),
        "older": older,
        "newest": _link("admin:audit_event_timeline", _given(request)) if before else "",
    }


def charts(request: HttpRequest) -> dict[str, Any]:
    """The context of the page with the charts."""
    form, rows = _asked(request)
    start, end = _range(form)
    found = activity(rows, start, end)
    given = _given(request)
    return {
        "title": "Audit log: charts",
        "head": head(request, "charts"),
        "form": form,
        "activity": found,
        "start": start,
        "end": end,
        "total": f"{found.total:,}",
        "refused": f"{_refused(found):,}",
        "limit": f"{LIMIT:,}",
        "chart": chart_of(found),
        "table": [(span(bucket, found.step), *bucket.counts.values()) for bucket in found.buckets if bucket.total],
        "tops": [
            ("Operations", "Operation", _ranked(found.operations, "operation", given)),
            ("People and services", "Who", _ranked(found.people, "user", given)),
        ],
    }


def _asked(request: HttpRequest) -> tuple[FilterForm, QuerySet[Event]]:
    """The filters that were given, and the events that match them of those that the visitor may see."""
    actor = actor_of(request)
    if not allowed_anywhere(actor, Permission.AUDIT_READ):
        raise PermissionDenied("this needs the permission audit:read")
    form = FilterForm(_given(request))
    rows = form.narrow(visible_events(actor))
    unknown = sorted(request.GET.keys() - {*FILTERS, "q", "before", "p"})
    if unknown:  # a mistyped filter would otherwise match everything
        form.add_error(None, f"there is no filter called '{unknown[0][:40]}'; there are {', '.join(FILTERS)}")
        return form, rows.none()
    return form, rows


def _given(request: HttpRequest) -> dict[str, str]:
    """The filters in the address. The search box of the list, ``q``, is another way to give ``text``."""
    given = {name: request.GET.get(name, "") for name in FILTERS}
    given["text"] = given["text"] or request.GET.get("q", "")[:TEXT_LIMIT]
    return given


def _link(place: str, given: dict[str, str]) -> str:
    return f"{reverse(place)}?{urlencode({name: value for name, value in given.items() if value})}"


def _range(form: FilterForm) -> tuple[datetime, datetime]:
    """From when to when the charts go. A time that could not be understood is as none: its error is on the page."""
    since, until = (
        "" if form.has_error(name) else str(form.data.get(name) or "").strip() for name in ("since", "until")
    )
    now = clock.now()
    end = min(parse_time(until, field="until", whole_day=True), now) if until else now
    end = max(end, EPOCH + DEFAULT_SPAN)
    start = parse_time(since, field="since") if since else end - DEFAULT_SPAN
    return max(EPOCH, min(start, end - timedelta(minutes=1))), end


def _ranked(found: list[tuple[str, int]], name: str, given: dict[str, str]) -> list[dict[str, Any]]:
    most = max((count for _value, count in found), default=1)
    return [
        {
            "label": value,
            "count": f"{count:,}",
            "share": max(1, count * 100 // most),
            "link": _link("admin:audit_event_charts", given | {name: value}),
        }
        for value, count in found
    ]


def _refused(found: Activity) -> int:
    return found.total - sum(bucket.counts[Result.SUCCESS] for bucket in found.buckets)
