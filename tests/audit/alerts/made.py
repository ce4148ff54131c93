"""Things to be alarmed about, sealed and looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from audit.actions import Action, Result
from audit.alerts.evaluation import evaluate
from audit.alerts.models import Alert
from audit.models import Event
from audit.services import append
from temps.lib import clock
from temps.lib.actor import Actor
from tests.audit.proof.made import seal

SYSTEM = Actor.system("audit.alerts")
FAILED_SIGN_IN = {
    "operation": Action.USER_SIGN_IN.value,
    "result": Result.FAILURE.value,
    "resource_type": "user",
    "resource_id": "unknown",
    "user_id": "anonymous",
    "user_email": "owner@example.com",
    "ip_address": "192.0.2.7",
}


def happened(count: int = 1, *, ago: float = 0.0, at: datetime | None = None, **columns: Any) -> list[Event]:
    """``count`` failed sign-ins ``ago`` seconds before now, or what ``columns`` make of them; not sealed yet."""
    moment = at or clock.now() - timedelta(seconds=ago)
    columns = FAILED_SIGN_IN | columns
    events = []
    for _ in range(count):
        with transaction.atomic():
            append(event := Event(timestamp=moment, actor_kind="anonymous", **columns))
        events.append(event)
    return events


def look() -> None:
    """Seal what happened, and let the rules look at it."""
    seal()
    evaluate(actor=SYSTEM)


def alerts(key: str = "") -> list[Alert]:
    """All alerts, or those of one shipped rule, oldest first."""
    rows = Alert.objects.select_related("rule").order_by("id")
    return list(rows.filter(rule__key=key) if key else rows)
