"""Alerts without a person who is erased: whom they are about, what is still to be told, and who made what."""

from __future__ import annotations

from django.db.models import Q

from audit.alerts.models import Alert, AlertState, Channel, KnownNetwork, Message, Rule
from audit.models import Event
from audit.redaction.person import Person, through
from temps.lib import clock
from temps.lib.errors import Conflict


def forget(person: Person) -> None:
    for channel in Channel.objects.all():
        if person.is_in(channel.address) or person.is_in(channel.name):
            raise Conflict(
                f"the alert channel {channel.public_id} leads to this person or bears their address: remove it first"
            )
    for rule in Rule.objects.all():
        if person.is_in(rule.name):
            Rule.objects.filter(pk=rule.pk).update(name=person.address_out_of(rule.name)[:120])
    for model in (Rule, Channel):
        model._default_manager.filter(created_by__in=person.alone).update(created_by=person.pseudonym)
    _forget_networks(person)
    _forget_messages(person)
    _forget_alerts(person)


def _forget_networks(person: Person) -> None:
    """From where they, and their API keys, used to come."""
    keys = Event.objects.filter(user_id=person.id, operation__startswith="API_KEY_")
    made_or_used = Q(subject__in=keys.order_by().values("resource_id").distinct())
    KnownNetwork.objects.filter(made_or_used | Q(subject=person.id)).delete()


def _forget_messages(person: Person) -> None:
    for message in Message.objects.only("alerts").iterator(100):
        said = through(message.alerts, person.address_out_of)
        if said != message.alerts:
            Message.objects.filter(pk=message.pk).update(alerts=said)


def _forget_alerts(person: Person) -> None:
    Alert.objects.filter(acknowledged_by__in=person.alone).update(acknowledged_by=person.pseudonym)
    for alert in Alert.objects.order_by("id").only("rule", "group", "title", "details", "state").iterator(500):
        if not any(map(person.is_in, (alert.group, alert.title, str(alert.details)))):
            continue
        group = person.pseudonym if person.is_in(alert.group) else alert.group
        if alert.state != AlertState.RESOLVED:
            _resolve_another(alert, group)
        Alert.objects.filter(pk=alert.pk).update(
            group=group,
            title=person.address_out_of(alert.title)[:300],
            details=through(alert.details, person.address_out_of),
        )


def _resolve_another(alert: Alert, group: str) -> None:
    """Of a person with two addresses, two alerts of one rule may be open; the newer goes on under the pseudonym."""
    others = Alert.objects.filter(rule=alert.rule_id, group=group).exclude(pk=alert.pk)
    others.exclude(state=AlertState.RESOLVED).update(state=AlertState.RESOLVED, resolved_at=clock.now())
