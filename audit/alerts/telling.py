"""Telling people: messages are written first and sent after, so that none is lost; a channel that does not answer holds
up nobody but itself.

Per channel one sender at a time goes through the messages, oldest first. It claims the channel by moving the time of
the next attempt on; if it dies, the next one begins when that time has come, with the same message under the same id.
"""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from audit.alerts import wording
from audit.alerts.models import Alert, AlertState, Channel, ChannelKind, Message, Severity
from audit.alerts.readable import readable
from rbac.permissions import Permission
from rbac.services import require
from secrets_vault.sealing import open_sealed
from temps.lib import clock, mail, webhooks
from temps.lib.actor import Actor
from temps.lib.errors import TempsError
from temps.lib.queue import after_commit

log = structlog.get_logger(__name__)

REMIND_AFTER = timedelta(hours=24)
"""An alert that is still open, and that nobody acknowledged, is told again."""
TOLD_LATE = timedelta(hours=1)
"""An alert that began and ended before anyone looked is told as well; one that ended long ago is history."""
IN_ONE_MESSAGE = 20
AT_ONCE = 1000
"""Alerts that one look takes up."""
CLAIM = timedelta(minutes=5)
"""How long a sender keeps others away; it stops long before."""
SENDING = 60.0
"""Seconds after which a sender begins no further message."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
KEPT = timedelta(days=7)
"""How long a message waits for a channel that takes none."""


@transaction.atomic
def tell() -> None:
    """Write messages about the alerts that are due, each to every enabled channel whose threshold it reaches."""
    now = clock.now()
    untold = Q(notified_at=None) & (Q(state=AlertState.OPEN) | Q(resolved_at__gt=now - TOLD_LATE))
    due = untold | Q(state=AlertState.OPEN, notified_at__lte=now - REMIND_AFTER)
    if not Alert.objects.filter(due).exists():
        return
    alerts = readable(Alert.objects.select_for_update(of=("self",)).filter(due).select_related("rule")[:AT_ONCE])
    told: set[int] = set()
    for channel in readable(Channel.objects.filter(enabled=True)):
        least = Severity(channel.minimum_severity).rank
        chosen = [alert for alert in alerts if Severity(alert.severity).rank >= least]
        if not chosen:
            continue
        told.update(alert.pk for alert in chosen)
        write(channel, chosen)
    Alert.objects.filter(pk__in=told).update(notified_at=now)


def write(channel: Channel, alerts: list[Alert]) -> Message:
    """A message about ``alerts``, gravest first, to be sent once the transaction has committed."""
    ranked = sorted(alerts, key=lambda alert: Severity(alert.severity).rank, reverse=True)
    message = Message.objects.create(
        channel=channel,
        alerts=[wording.as_told(alert) for alert in ranked[:IN_ONE_MESSAGE]],
        more=max(0, len(ranked) - IN_ONE_MESSAGE),
    )
    after_commit("alerts.deliver", channel.public_id)
    return message


def send_what_is_due() -> None:
    """Ask for the sending of what a lost message, a dead sender or a pause left."""
    waiting = Exists(Message.objects.filter(channel=OuterRef("pk")))
    due = Channel.objects.filter(waiting, enabled=True, next_try_at__lte=clock.now())
    for public_id in due.values_list("public_id", flat=True):
        after_commit("alerts.deliver", public_id)


def deliver(channel_id: str, *, actor: Actor) -> int:
    """Send the messages of this channel, unless it pauses or another sender is at it; how many it took."""
    require(actor, Permission.MONITORING_WRITE)
    channel, sent = _claim(channel_id), 0
    if channel is None:
        return sent
    begun = time.monotonic()
    while time.monotonic() - begun < SENDING and (message := channel.messages.first()) is not None:
        try:
            send(channel, message)
        except TempsError as error:
            _failed(channel, error)
            return sent
        message.delete()
        sent += 1
    now = clock.now()
    done = {"delivered_at": now} if sent else {}
    Channel.objects.filter(pk=channel.pk).update(next_try_at=now, failures=0, last_error="", **done)
    return sent


def _claim(channel_id: str) -> Channel | None:
    """The channel, if it may be tried now. One UPDATE, so that one of two senders gets it."""
    now = clock.now()
    free = Channel.objects.filter(public_id=channel_id, enabled=True, next_try_at__lte=now)
    return Channel.objects.filter(public_id=channel_id).first() if free.update(next_try_at=now + CLAIM) else None


def _failed(channel: Channel, error: TempsError) -> None:
    """Pause, twice as long with each failure in a row, and show why."""
    log.warning("alerts.not_delivered", channel=channel.public_id, reason=error.public_message)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(channel.failures, 10))
    Channel.objects.filter(pk=channel.pk).update(
        next_try_at=clock.now() + pause, failures=F("failures") + 1, last_error=error.public_message[:300]
    )
    given_up, _ = channel.messages.filter(created_at__lt=clock.now() - KEPT).delete()
    if given_up:
        log.error("alerts.given_up", channel=channel.public_id, messages=given_up)


def send(channel: Channel, message: Message) -> None:
    """Send one message now. Raises :class:`TempsError` with a reason that holds no secret."""
    if channel.kind == ChannelKind.MAIL:
        mail.send(wording.subject(message), wording.plain(message), [channel.address])
        return
    target = webhooks.Target.parse(_opened(channel, "target"))
    if channel.kind == ChannelKind.SLACK:
        webhooks.post(target, wording.slack(message), message_id=message.public_id)
        return
    secret = _opened(channel, "secret")
    webhooks.post(target, wording.webhook(message), message_id=message.public_id, secret=secret)


def _opened(channel: Channel, field: str) -> str:
    sealed = getattr(channel, field)
    return open_sealed(sealed, project_pk=None, context=channel.context(field)).decode()
