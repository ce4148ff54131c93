"""What about certificates is worth an alert while it lasts (L-09, C-10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from audit.alerts.conditions import Standing, register
from audit.alerts.models import Severity
from certificates.models import Domain
from temps.lib import clock

SOON = timedelta(days=14)
"""Renewal should have happened long before: at a third of the lifetime left."""
VERY_SOON = timedelta(days=3)
AT_MOST = 200
"""Domains told of apart; hundreds that expire together have one cause."""


def watch() -> None:
    register("certificate_expiry", "A certificate expires soon", expiring, about="domain")
    register("certificate_failure", "A certificate cannot be issued or renewed", failing, about="domain")


def expiring() -> Iterator[Standing]:
    now = clock.now()
    domains = Domain.objects.filter(current_certificate__not_after__lt=now + SOON)
    rows = domains.order_by("current_certificate__not_after").values_list("name", "current_certificate__not_after")
    for name, not_after in rows[:AT_MOST]:
        grave = Severity.CRITICAL if not_after < now + VERY_SOON else Severity.WARNING
        verb = "expired" if not_after <= now else "expires"
        title = f"A certificate {verb} on {not_after:%Y-%m-%d %H:%M} UTC"
        yield Standing(name, title, grave, {"domain": name, "notAfter": clock.iso(not_after)})


def failing() -> Iterator[Standing]:
    """The last attempt failed. Attempts go on; the alert ends with the first that succeeds."""
    rows = Domain.objects.exclude(last_error="").order_by("name").values_list("name", "last_error")
    for name, error in rows[:AT_MOST]:
        title = f"A certificate could not be issued or renewed: {error}"
        yield Standing(name, title, Severity.WARNING, {"domain": name})
