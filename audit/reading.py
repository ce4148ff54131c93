"""Reading the audit log: who may see which events, and the filters that console, API and command line share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from ipaddress import ip_network

from django.db.models import Exists, OuterRef, Q, QuerySet

from audit.actions import Action, Result
from audit.addresses import address_filter
from audit.masking import printable
from audit.models import Event
from audit.strangers import stand_in_called, tolerant
from rbac.models import Grant
from rbac.permissions import Permission
from rbac.services import whole_projects_with
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Invalid, NotFound

TEXT_LIMIT = 200
"""Characters of a search text."""

FILTERS = {
    "user": "Email or id of who did it.",
    "operation": "Such as DEPLOYMENT_CREATE, several with commas, or a family such as SECRET_*.",
    "project": "The slug.",
    "result": "success, denied or failure; several with commas.",
    "address": "An address, or a network such as 192.0.2.0/24.",
    "since": "From then on: 30m, 2h, 7d, or an ISO 8601 date or time (UTC).",
    "until": "Before then, in the same forms; a date includes its day.",
    "text": "Found in the description, the resource id or the user agent.",
    "resource": "The kind of the object, its id, or both as kind:id.",
    "request": "The id of the request.",
}
"""The filters by name, with what each one takes."""

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def visible_events(actor: Actor) -> QuerySet[Event]:
    """All events to whoever holds ``audit:read`` on the platform; to others those of the projects where they hold it.

    Events name projects by slug. A slug that is used again belongs to someone else, so its events count from the
    making of the project that bears it now: nobody reads a deleted project's history by taking over its name.

    A row that can be no entry of ours comes as a stand-in (``audit.strangers``), and breaks nothing.
    """
    return tolerant(_visible_rows(actor))


def _visible_rows(actor: Actor) -> QuerySet[Event]:
    keys = whole_projects_with(actor, Permission.AUDIT_READ)
    if keys is None:
        return Event.objects.all()
    if actor.user_pk is None or not keys:
        return Event.objects.none()
    # By way of the grants, which lead to the projects: those live in a room above this one.
    granted = Grant.objects.filter(user_id=actor.user_pk, project_id__in=keys)
    its_project = granted.filter(project__slug=OuterRef("project"), project__created_at__lte=OuterRef("timestamp"))
    slugs = list(granted.order_by().values_list("project__slug", flat=True).distinct())
    return Event.objects.filter(Exists(its_project), project__in=slugs)


def event_by_id(public_id: str, *, actor: Actor) -> Event:
    """The event, if ``actor`` may see it. Raises :class:`NotFound` when not."""
    rows = visible_events(actor)
    event = rows.filter(public_id=public_id).first() or stand_in_called(public_id, rows)
    if event is None:
        raise NotFound("there is no such event")
    return event


def narrowed(
    rows: QuerySet[Event],
    *,
    user: str = "",
    operation: str = "",
    project: str = "",
    result: str = "",
    address: str = "",
    since: str = "",
    until: str = "",
    text: str = "",
    resource: str = "",
    request: str = "",
) -> QuerySet[Event]:
    """``rows`` that match every filter given; an empty one matches all. :data:`FILTERS` says what each one takes.

    Raises :class:`Invalid` naming the filter that cannot be understood.
    """
    given = {
        "user": user,
        "operation": operation,
        "project": project,
        "result": result,
        "address": address,
        "text": text,
        "resource": resource,
        "request": request,
    }
    for name, value in (*given.items(), ("since", since), ("until", until)):
        if len(value) > TEXT_LIMIT or "\0" in value:
            raise Invalid(f"a filter has at most {TEXT_LIMIT} characters and none of them is NUL", field=name)
    for name, value in given.items():
        if value := value.strip():
            rows = rows.filter(CONDITIONS[name](value))
    return between(rows, since, until)


def between(rows: QuerySet[Event], since: str, until: str) -> QuerySet[Event]:
    """``rows`` of that time; either end may be empty. Raises :class:`Invalid`."""
    start = parse_time(since, field="since") if since.strip() else None
    end = parse_time(until, field="until", whole_day=True) if until.strip() else None
    if start and end and start >= end:
        raise Invalid("the time ends before it starts", field="until")
    if start:
        rows = rows.filter(timestamp__gte=start)
    return rows.filter(timestamp__lt=end) if end else rows


def parse_time(text: str, *, field: str, whole_day: bool = False) -> datetime:
    """``90s``, ``30m``, ``2h``, ``7d`` or ``4w`` ago, or an ISO 8601 date or time (UTC unless it says otherwise).

    With ``whole_day`` a date without a time is the end of that day and not its beginning.
    """
    text = text.strip()
    ago = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    try:
        if ago:
            return clock.now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        if whole_day and re.fullmatch(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", text):
            moment += timedelta(days=1)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("a time is like 30m, 2h, 7d or 2024-01-31, or 2024-01-31T12:00:00Z", field=field) from None


def _of_user(value: str) -> Q:
    return Q(user_email=value.lower()) if "@" in value else Q(user_id=value)


def _of_operation(value: str) -> Q:
    return Q(operation__in=sorted(operations_in(_listed(value), field="operation")))


def operations_in(names: Iterable[str], *, field: str) -> list[str]:
    """The operations that ``names`` stand for, each once: a family such as ``SECRET_*`` for all that begin so.

    Raises :class:`Invalid` for what is neither, with those that come close.
    """
    chosen: list[str] = []
    for name in (str(name).strip().upper() for name in names):
        family = [action.value for action in Action if name.endswith("_*") and action.startswith(name[:-1])]
        chosen += family or [_known(name, [*Action], "operation", field)]
    return list(dict.fromkeys(chosen))


def _of_result(value: str) -> Q:
    return Q(result__in=[_known(name, [*Result], "result") for name in _listed(value.lower())])


def _of_address(value: str) -> Q:
    try:
        return address_filter(value)
    except ValueError:
        raise Invalid(_what_is_wrong(value), field="address") from None


def _what_is_wrong(value: str) -> str:
    """Why ``value`` is no filter for addresses."""
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return "an address is like 192.0.2.1 or 2001:db8::1, a network like 192.0.2.0/24"
    return f"{value} has host bits that are not zero: the network is {network}"


def _of_resource(value: str) -> Q:
    kind, _colon, identity = value.partition(":")
    return Q(resource_type=value) | Q(resource_id=value) | Q(resource_type=kind, resource_id=identity)


def _of_text(value: str) -> Q:
    # Django escapes what LIKE gives a meaning to, so that % and _ are found as they are.
    return Q(description__icontains=value) | Q(resource_id__icontains=value) | Q(user_agent__icontains=value)


CONDITIONS: dict[str, Callable[[str], Q]] = {
    "user": _of_user,
    "operation": _of_operation,
    "project": lambda value: Q(project=value),
    "result": _of_result,
    "address": _of_address,
    "text": _of_text,
    "resource": _of_resource,
    "request": lambda value: Q(request_id=value),
}


def _listed(value: str) -> list[str]:
    """The parts between commas. One that is empty is kept, to be refused: it is a slip."""
    return [part.strip() for part in value.split(",")]


def who(event: Event) -> str:
    """Who did it, as people read it: the email, else the label that stands for a machine's operator or a task."""
    return event.user_email or str(event.metadata.get("actor") or event.user_id)


def _known(name: str, names: list[str], what: str, field: str = "") -> str:
    if name in names:
        return str(name)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    few = f": {', '.join(names)}" if len(names) < 10 else " (docs/audit.md lists them)"
    hint = f": perhaps {' or '.join(close)}?" if close else few
    raise Invalid(f"there is no {what} '{printable(name[:60])}'{hint}", field=field or what)
