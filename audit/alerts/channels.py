"""Channels: who is told of alerts. A web address may be a secret as a whole, so of one only the host is ever shown."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.services import clean_email
from audit.actions import Action
from audit.alerts import telling
from audit.alerts.models import Channel, ChannelKind, Message, Severity
from audit.alerts.services import clean_name, clean_severity
from audit.masking import printable
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from secrets_vault.sealing import seal
from temps.lib import clock, mail, webhooks
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound, Unavailable

MAX_CHANNELS = 50
TEST = {
    "id": "",
    "rule": "",
    "severity": Severity.INFO.value,
    "title": "This is a test: alerts of Temps arrive here",
    "group": "",
    "count": 1,
    "events": [],
    "link": "",
}


def channel_by_id(identity: str, *, actor: Actor) -> Channel:
    """The channel with this id (``chn_…``) or name. Raises :class:`NotFound`."""
    visible = Channel.objects.visible_to(actor)
    channel: Channel | None = visible.filter(public_id=identity).first() or visible.filter(name=identity).first()
    if channel is None:
        raise NotFound(f"there is no channel '{printable(identity[:60])}': temps alert channels lists them")
    return channel


def told_to_nobody() -> str:
    """Why alerts are shown and reach nobody, as far as is known; empty when a channel works."""
    enabled = Channel.objects.filter(enabled=True)
    if not enabled.exists():
        return "no channel is enabled"
    works = enabled.filter(last_error="", delivered_at__isnull=False).exists()
    return "" if works else "no enabled channel is known to work"


@transaction.atomic
def add_mail(name: str, address: str, *, actor: Actor, minimum_severity: str = Severity.INFO) -> Channel:
    """Tell of alerts by mail, in plain text, through the mail server of the settings.

    Raises :class:`Unavailable` where none is set: alerts would be told to nobody, and look as if they were.
    """
    require(actor, Permission.MONITORING_WRITE)
    mail.require_server()
    channel = _new(name, ChannelKind.MAIL, minimum_severity, actor)
    try:
        channel.address = clean_email(address)
    except Invalid as error:
        raise Invalid(error.message, field="address") from None
    return _added(channel, actor)


@transaction.atomic
def add_webhook(name: str, url: str, *, actor: Actor, minimum_severity: str = Severity.INFO) -> tuple[Channel, str]:
    """Tell of alerts by signed JSON; the signing secret is in the answer, and nowhere else afterwards."""
    require(actor, Permission.MONITORING_WRITE)
    channel, secret = _new(name, ChannelKind.WEBHOOK, minimum_severity, actor), webhooks.new_secret()
    _aim(channel, url)
    channel.secret = seal(secret, project_pk=None, context=channel.context("secret"))
    return _added(channel, actor), secret


@transaction.atomic
def add_slack(name: str, url: str, *, actor: Actor, minimum_severity: str = Severity.INFO) -> Channel:
    """Tell of alerts through an incoming webhook of Slack, Mattermost, or what else takes ``{"text": …}``."""
    require(actor, Permission.MONITORING_WRITE)
    channel = _new(name, ChannelKind.SLACK, minimum_severity, actor)
    _aim(channel, url)
    return _added(channel, actor)


def add(
    name: str, kind: str, address: str, *, actor: Actor, minimum_severity: str = Severity.INFO
) -> tuple[Channel, str]:
    """Add a channel of this kind; with it the signing secret of a webhook, empty for the other kinds."""
    if kind == ChannelKind.WEBHOOK:
        return add_webhook(name, address, actor=actor, minimum_severity=minimum_severity)
    if kind == ChannelKind.SLACK:
        return add_slack(name, address, actor=actor, minimum_severity=minimum_severity), ""
    if kind == ChannelKind.MAIL:
        return add_mail(name, address, actor=actor, minimum_severity=minimum_severity), ""
    raise Invalid(f"a channel is one of {', '.join(ChannelKind.values)}", field="kind")


@transaction.atomic
def update_channel(
    channel: Channel,
    *,
    actor: Actor,
    name: str | None = None,
    enabled: bool | None = None,
    minimum_severity: str | None = None,
) -> Channel:
    """Rename it, switch it off or on, or change what it is told. Another address is another channel."""
    require(actor, Permission.MONITORING_WRITE)
    current: Channel = Channel.objects.select_for_update().get(pk=channel.pk)
    before = _shown(current)
    if name is not None:
        current.name = _free(clean_name(name), besides=current)
    if minimum_severity is not None:
        current.minimum_severity = clean_severity(minimum_severity, field="minimum_severity")
    if enabled is not None:
        current.enabled = enabled
    if (after := _shown(current)) != before:
        current.save(update_fields=["name", "enabled", "minimum_severity"])
        record(
            actor,
            Action.ALERT_CHANNEL_UPDATE,
            current,
            f"changed the alert channel '{current}'",
            metadata={"before": before, "after": after},
        )
    return current


@transaction.atomic
def remove_channel(channel: Channel, *, actor: Actor) -> None:
    """Remove it with what it was not told yet."""
    require(actor, Permission.MONITORING_WRITE)
    channel.delete()
    record(
        actor, Action.ALERT_CHANNEL_DELETE, channel, f"removed the alert channel '{channel}'", metadata=_shown(channel)
    )


class NotArrived(Unavailable):
    """A channel did not take a message."""


def send_test(channel: Channel, *, actor: Actor) -> None:
    """Send a test message now. Recorded first; raises :class:`NotArrived` with the reason when it does not arrive.

    How it went is shown with the channel. When the next message is due stays: that also says who is sending.
    """
    with transaction.atomic():
        require(actor, Permission.MONITORING_WRITE)
        record(actor, Action.ALERT_CHANNEL_TEST, channel, f"sent a test to the alert channel '{channel}'")
    now = clock.now()
    moment = clock.iso(now)
    message = Message(channel=channel, alerts=[TEST | {"firstAt": moment, "lastAt": moment}], created_at=now)
    row = Channel.objects.filter(pk=channel.pk)
    try:
        telling.send(channel, message)
    except Unavailable as error:
        row.update(failures=F("failures") + 1, last_error=error.public_message[:300])
        raise NotArrived(error.message) from None
    row.update(delivered_at=clock.now(), failures=0, last_error="")


def _new(name: str, kind: ChannelKind, severity: str, actor: Actor) -> Channel:
    if Channel.objects.count() >= MAX_CHANNELS:
        raise Conflict(f"there are {MAX_CHANNELS} channels already")
    return Channel(
        name=_free(clean_name(name)),
        kind=kind,
        minimum_severity=clean_severity(severity, field="minimum_severity"),
        created_by=actor.label[:254],
    )


def _free(name: str, besides: Channel | None = None) -> str:
    if Channel.objects.filter(name=name).exclude(pk=besides.pk if besides else None).exists():
        raise Conflict(f"there is a channel '{name}' already", field="name")
    return name


def _aim(channel: Channel, url: str) -> None:
    """Note where it goes; the error for a wrong address does not repeat it."""
    channel.address = webhooks.Target.parse(url, field="address").host[:254]
    channel.target = seal(url.strip(), project_pk=None, context=channel.context("target"))


def _added(channel: Channel, actor: Actor) -> Channel:
    channel.save()
    record(
        actor, Action.ALERT_CHANNEL_CREATE, channel, f"added the alert channel '{channel}'", metadata=_shown(channel)
    )
    return channel


def _shown(channel: Channel) -> dict[str, Any]:
    names = ("name", "kind", "address", "enabled", "minimum_severity")
    return {name: str(value) if not isinstance(value := getattr(channel, name), bool) else value for name in names}
