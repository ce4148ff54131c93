"""Which events a rule is about, and how they are grouped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from django.db.models import QuerySet

from accounts.models import UserKind
from audit.actions import Action, Result
from audit.alerts.counting import Match
from audit.alerts.models import GroupBy, KnownNetwork, Rule, RuleKind
from audit.models import Event
from rbac.models import Grant
from rbac.permissions import PlatformRole

COLUMNS = (
    *("public_id", "timestamp", "position", "operation", "result", "user_id", "user_email", "ip_address"),
    *("project", "resource_id", "metadata"),
)
"""What is read of an event; the rest is of no concern to rules."""

Groups = dict[str, list[Match]]


def is_sound(rule: Rule) -> bool:
    """Whether ``rule`` is one that Temps wrote: the database does not mind what stands in its lists."""
    lists = (rule.operations, rule.results)
    texts = all(isinstance(one, list) and all(isinstance(name, str) for name in one) for one in lists)
    return texts and rule.group_by in GroupBy.values and rule.kind in RuleKind.values


def matches(rule: Rule, event: Event) -> bool:
    operations, results = rule.operations, rule.results
    return (not operations or event.operation in operations) and (not results or event.result in results)


def counted(rule: Rule, new: list[Event]) -> Groups:
    """The events of each group that has new ones, by time, with those around them that share a window."""
    groups = {group_of(rule, event) for event in new}
    if rule.threshold == 1:
        return _grouped(rule, new, groups, first_new=new[0].position or 0)
    window = timedelta(seconds=rule.window)
    around = Event.objects.filter(
        timestamp__gt=min(event.timestamp for event in new) - window,
        timestamp__lte=max(event.timestamp for event in new) + window,
        position__lte=new[-1].position,
    )
    if rule.operations:
        around = around.filter(operation__in=rule.operations)
    if rule.results:
        around = around.filter(result__in=rule.results)
    return _grouped(rule, around.only(*COLUMNS).iterator(2000), groups, first_new=new[0].position or 0)


def _grouped(rule: Rule, events: Iterable[Event], groups: set[str], *, first_new: int) -> Groups:
    found: Groups = defaultdict(list)
    for event in events:
        group = group_of(rule, event)
        if group in groups:
            is_new = (event.position or 0) >= first_new
            found[group].append(Match(event.timestamp, event.public_id, weight(event), is_new))
    for rows in found.values():
        rows.sort(key=lambda match: match.at)
    return found


def weight(event: Event) -> int:
    """How many occurrences the event stands for: repeated refusals and failures are folded (``audit.folding``)."""
    metadata = event.metadata if isinstance(event.metadata, dict) else {}  # those around the new ones are not verified
    count = metadata.get("count", 1)
    folded = event.result != Result.SUCCESS and "first" in metadata and isinstance(count, int)
    return max(1, count) if folded else 1


def group_of(rule: Rule, event: Event) -> str:
    if rule.group_by == GroupBy.USER:
        return event.user_email or event.user_id
    if rule.group_by == GroupBy.ADDRESS:
        return network_of(event.ip_address, four=32, six=64) or "no address"
    return event.project or "the platform" if rule.group_by == GroupBy.PROJECT else ""


def network_of(address: str, *, four: int = 24, six: int = 48) -> str:
    """The network around ``address``, an address alone where that is all of it; empty for none.

    Whoever has one IPv6 address mostly has a /64, and whoever moves within a /48 is still the same customer.
    """
    try:
        network = ip_network(f"{address}/{six if ':' in address else four}", strict=False)
    except ValueError:
        return ""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def from_new_networks(rule: Rule, new: list[Event]) -> Groups:
    """Learn the networks of these sign-ins or uses; those from a network that was not seen before, by account or key.

    The first network that is ever seen tells nothing and alarms nobody. Of people, administrators alone alarm; the
    networks of the others are learned all the same, for the day when they become one.
    """
    subjects = {event.resource_id for event in new}
    known: dict[str, set[str]] = defaultdict(set)
    for subject, network in KnownNetwork.objects.filter(subject__in=subjects).values_list("subject", "network"):
        known[subject].add(network)
    learned: list[KnownNetwork] = []
    found: dict[str, list[tuple[str, Match]]] = defaultdict(list)
    for event in new:
        subject, network = event.resource_id, network_of(event.ip_address)
        if not network or network in known[subject]:
            continue
        if known[subject]:
            who = f"{event.user_email} ({subject})" if event.operation == Action.API_KEY_USE else event.user_email
            found[subject].append((f"{who} from {network}", Match(event.timestamp, event.public_id, 1, True)))
        known[subject].add(network)
        learned.append(KnownNetwork(subject=subject, network=network, first_at=event.timestamp))
    KnownNetwork.objects.bulk_create(learned)
    if Action.USER_SIGN_IN in rule.operations and found:
        administrators = set(_administrators().values_list("user__public_id", flat=True))
        found = {subject: rows for subject, rows in found.items() if subject in administrators}
    return {group: [match] for rows in found.values() for group, match in rows}


def _administrators() -> QuerySet[Any]:
    return Grant.objects.in_force().filter(
        project=None, environment=None, role=PlatformRole.ADMIN.value, user__kind=UserKind.PERSON
    )
