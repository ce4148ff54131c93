"""Reading the audit log: who may see which events, and the filters that console, API and command line share."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from django.db.models import Exists, OuterRef, Q, QuerySet

from audit.actions import Action, Result
from audit.masking import printable
from audit.models import Event
from rbac.models import Grant
from rbac.permissions import Permission
from rbac.services import whole_projects_with
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Invalid, NotFound

TEXT_LIMIT = 200
"""Characters of a search text."""

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def visible_events(actor: Actor) -> QuerySet[Event]:
    """All events to whoever holds ``audit:read`` on the platform; to others those of the projects where they hold it.

    Events name projects by slug. A slug that is used again belongs to someone else, so its events count from the
    making of the project that bears it now: nobody reads a deleted project's history by taking over its name.
    """
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
    event = visible_events(actor).filter(public_id=public_id).first()
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
    since: str = "",
    text: str = "",
) -> QuerySet[Event]:
    """``rows`` that match every filter given; an empty one matches all. Raises :class:`Invalid` naming the filter.

    ``user`` is an email or an id, ``since`` a time as :func:`parse_since` reads it, and ``text`` is looked for in
    descriptions and resource ids, in any case.
    """
    for name, value in (("user", user), ("project", project), ("text", text)):
        if len(value) > TEXT_LIMIT or "\0" in value:
            raise Invalid(f"a filter has at most {TEXT_LIMIT} characters and none of them is NUL", field=name)
    if user:
        rows = rows.filter(user_email=user.strip().lower()) if "@" in user else rows.filter(user_id=user.strip())
    if operation:
        rows = rows.filter(operation=_known(operation.strip().upper(), [*Action], "operation"))
    if project:
        rows = rows.filter(project=project.strip())
    if result:
        rows = rows.filter(result=_known(result.strip().lower(), [*Result], "result"))
    if since:
        rows = rows.filter(timestamp__gte=parse_since(since))
    if text:
        rows = rows.filter(Q(description__icontains=text) | Q(resource_id__icontains=text))
    return rows


def parse_since(text: str) -> datetime:
    """``90s``, ``30m``, ``2h``, ``7d`` or ``4w`` ago, or an ISO 8601 date or time (UTC unless it says otherwise)."""
    ago = re.fullmatch(r"([0-9]{1,6})([smhdw])", text.strip())
    try:
        if ago:
            return clock.now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("a time is like 30m, 2h, 7d or 2024-01-31, or 2024-01-31T12:00:00Z", field="since") from None


def who(event: Event) -> str:
    """Who did it, as people read it: the email, else the label that stands for a machine's operator or a task."""
    return event.user_email or str(event.metadata.get("actor") or event.user_id)


def _known(name: str, names: list[str], what: str) -> str:
    if name in names:
        return str(name)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    few = f": {', '.join(names)}" if len(names) < 10 else " (docs/audit.md lists them)"
    hint = f": perhaps {' or '.join(close)}?" if close else few
    raise Invalid(f"there is no {what} '{printable(name[:60])}'{hint}", field=what)
