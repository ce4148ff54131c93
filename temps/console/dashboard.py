"""The first page: how things stand. Every figure is counted from the rows that this person may see."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.urls import reverse

from accounts.links.delivery import mail_trouble
from accounts.models import User, UserKind
from audit.actions import Result
from audit.alerts.channels import told_to_nobody
from audit.alerts.services import open_alerts
from audit.reading import visible_events, who
from certificates.models import Domain
from firewall.models import IpRule
from projects.models import Project
from rbac.guards import actor_of
from rbac.permissions import Permission
from rbac.services import allowed, allowed_anywhere
from secrets_vault.models import Variable
from temps import heartbeat
from temps.lib import clock
from temps.lib.actor import Actor

DAYS = 14
EXPIRES_SOON = 14
"""Days of validity left below which a certificate is worth a warning: renewal should long have happened."""

COLOURS = {Result.SUCCESS: "#2563eb", Result.DENIED: "#d97706", Result.FAILURE: "#dc2626"}


@dataclass(frozen=True, slots=True)
class Figure:
    title: str
    value: int
    note: str
    link: str
    icon: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should do, and where."""

    text: str
    link: str = ""


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's dashboard callback."""
    actor = actor_of(request)
    context |= {
        "title": "Dashboard",
        "figures": list(figures(actor)),
        "notices": list(notices(actor)),
        "certificates": certificates_chart(actor),
    }
    if allowed_anywhere(actor, Permission.AUDIT_READ):
        context |= {
            "activity": activity_chart(actor),
            "latest": [(event, who(event)) for event in visible_events(actor)[:8]],
            "events_link": reverse("admin:audit_event_changelist"),
        }
    return context


def figures(actor: Actor) -> Iterator[Figure]:
    projects = Project.objects.visible_to(actor)
    yield Figure("Projects", projects.count(), "that you can see", _list("projects", "project"), "deployed_code")
    if allowed(actor, Permission.USERS_READ):
        people = User.objects.filter(kind=UserKind.PERSON, is_active=True)
        yield Figure("People", people.count(), "active accounts", _list("accounts", "user"), "group")
    if allowed_anywhere(actor, Permission.SECRETS_READ):
        variables = Variable.objects.visible_to(actor)
        secret = variables.filter(is_secret=True).count()
        link = _list("secrets_vault", "variable")
        yield Figure("Variables", variables.count(), f"{secret} of them encrypted", link, "lock")
    if allowed_anywhere(actor, Permission.FIREWALL_READ):
        rules = IpRule.objects.visible_to(actor)
        blocked = rules.filter(action="block").count()
        yield Figure("Firewall rules", rules.count(), f"{blocked} block", _list("firewall", "iprule"), "block")
    if allowed_anywhere(actor, Permission.DOMAINS_READ):
        domains = Domain.objects.visible_to(actor)
        served = domains.filter(current_certificate__not_after__gt=clock.now()).count()
        link = _list("certificates", "domain")
        yield Figure("Domains", domains.count(), f"{served} with a valid certificate", link, "verified")


def notices(actor: Actor) -> Iterator[Notice]:
    """What is wrong or will be soon, worst first."""
    if not heartbeat.alive() and allowed(actor, Permission.MONITORING_READ):
        yield Notice(
            "The worker has not been heard of for a minute: renewals and exports wait. Start it with temps up."
        )
    if waiting := open_alerts(actor).count():
        yield Notice(
            f"{waiting} {'alert is' if waiting == 1 else 'alerts are'} open, and nobody looks after "
            f"{'it' if waiting == 1 else 'them'} yet.",
            _list("audit_alerts", "alert") + "?state__exact=open",
        )
    if allowed(actor, Permission.MONITORING_WRITE) and (why := told_to_nobody()):
        yield Notice(f"Alerts are shown here and told to nobody: {why}.", _list("audit_alerts", "channel"))
    if allowed(actor, Permission.SETTINGS_READ) and (why := mail_trouble()):
        yield Notice(f"{why[0].upper()}{why[1:]}.", _list("accounts_mail", "mailserver"))
    soon = clock.now() + timedelta(days=EXPIRES_SOON)
    domains = Domain.objects.visible_to(actor)
    expiring = domains.filter(current_certificate__not_after__lt=soon).count()
    if expiring:
        yield Notice(
            f"{_domains(expiring)} with a certificate that expires within {EXPIRES_SOON} days, or has expired.",
            _list("certificates", "domain"),
        )
    failing = domains.filter(failures__gt=0).count()
    if failing:
        link = _list("certificates", "domain")
        yield Notice(f"{_domains(failing)} whose last attempt to get a certificate failed.", link)


def activity_chart(actor: Actor) -> str:
    """Events per day and result over the last two weeks, as Chart.js data."""
    today = clock.now().date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    since = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    # Until tomorrow: a time without end, which somebody put into the database, has no day.
    recent = visible_events(actor).filter(timestamp__range=(since, clock.now() + timedelta(days=1)))
    rows = recent.order_by().annotate(day=TruncDate("timestamp"))
    counts = Counter(
        {(row["day"], row["result"]): row["count"] for row in rows.values("day", "result").annotate(count=Count("id"))}
    )
    datasets = [
        {
            "label": result.value,
            "data": [counts[day, result.value] for day in days],
            "backgroundColor": COLOURS[result],
            "stack": "events",
        }
        for result in Result
    ]
    return json.dumps({"labels": [f"{day:%b} {day.day}" for day in days], "datasets": datasets})


def certificates_chart(actor: Actor) -> str:
    """Days of validity left for the domains that expire first, as Chart.js data; empty without any certificate."""
    domains = (
        Domain.objects.visible_to(actor)
        .filter(current_certificate__isnull=False)
        .select_related("current_certificate")
        .order_by("current_certificate__not_after")[:12]
    )
    left = {
        domain.name: max(0, (domain.current_certificate.not_after - clock.now()).days)
        for domain in domains
        if domain.current_certificate is not None
    }
    if not left:
        return ""
    colours = [COLOURS[Result.FAILURE if days < EXPIRES_SOON else Result.SUCCESS] for days in left.values()]
    dataset = {"label": "days left", "data": list(left.values()), "backgroundColor": colours}
    return json.dumps({"labels": list(left), "datasets": [dataset]})


def _domains(count: int) -> str:
    return f"{count} domain" if count == 1 else f"{count} domains"


def _list(app: str, model: str) -> str:
    return reverse(f"admin:{app}_{model}_changelist")
