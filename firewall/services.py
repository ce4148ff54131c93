"""Changing who may reach what: rules on addresses, rate limits, the header preset.

Every change locks the platform's row, changes rows, and publishes the next policy, all in one transaction. A change
that would cut off the person making it is seen in the policy it results in, whichever kind of change it is, and undone
unless it was confirmed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from audit.actions import Action
from audit.services import record
from firewall.headers import Preset
from firewall.models import IpRule, RateLimit, RuleAction
from firewall.networks import clean_network
from firewall.paths import clean_pattern
from firewall.publishing import lock_platform, newest_policy, prune_versions, publish
from projects.models import Project
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.client_ip import Network, parse_address
from temps.lib.clock import iso
from temps.lib.errors import Conflict, Invalid, NotFound

MOST_REQUESTS = 100_000
LONGEST_WINDOW = timedelta(days=1)
EXPIRED_AT_ONCE = 500
"""Expired rules that one run of :func:`reconcile` removes; it runs every minute."""


def block(
    network: str,
    *,
    actor: Actor,
    project: Project | None = None,
    reason: str = "",
    expires_at: datetime | None = None,
    confirm: bool = False,
) -> IpRule:
    """Refuse requests from ``network``: all of them, or those about ``project``.

    Raises :class:`Conflict` unless ``confirm`` when that would cut off the actor or touches a trusted proxy.
    """
    return _add(RuleAction.BLOCK, network, project, reason, expires_at, actor=actor, confirm=confirm)


def allow(
    network: str,
    *,
    actor: Actor,
    project: Project | None = None,
    reason: str = "",
    expires_at: datetime | None = None,
) -> IpRule:
    """Except ``network`` from wider blocks of the same scope. It opens nothing that another scope refuses."""
    return _add(RuleAction.ALLOW, network, project, reason, expires_at, actor=actor, confirm=False)


@transaction.atomic
def _add(
    action: RuleAction,
    network_text: str,
    project: Project | None,
    reason: str,
    expires_at: datetime | None,
    *,
    actor: Actor,
    confirm: bool,
) -> IpRule:
    require(actor, Permission.FIREWALL_WRITE, project)
    network = clean_network(network_text)
    reason = reason.strip()
    if len(reason) > 200:
        raise Invalid("a reason has at most 200 characters", field="reason")
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("the rule would have expired already", field="expires_at")
    if action is RuleAction.BLOCK:
        _refuse_everybody(network)
        _refuse_trusted_proxy(network, confirm=confirm)
    platform = lock_platform()
    was_cut_off = _is_cut_off(actor, project)
    _make_room_for(network, project, actor=actor)
    rule = IpRule(action=action.value, project=project, reason=reason, expires_at=expires_at, created_by=actor.label)
    rule.set_network(str(network))
    rule.save()
    record(
        actor,
        Action.IP_RULE_CREATE,
        rule,
        f"{action.value} {network} on {rule.scope}",
        project=str(project) if project else "",
        metadata={
            "action": action.value,
            "network": str(network),
            "scope": rule.scope,
            "reason": reason,
            "expiresAt": None if expires_at is None else iso(expires_at),
        },
    )
    publish(platform)
    if not was_cut_off:
        _refuse_lock_out(actor, project, confirm=confirm)
    return rule


@transaction.atomic
def remove_rule(rule: IpRule, *, actor: Actor, confirm: bool = False) -> None:
    """Delete a rule. Without an *allow*, a wider block may cut off the actor: refused unless ``confirm``."""
    require(actor, Permission.FIREWALL_WRITE, rule.project)
    platform = lock_platform()
    was_cut_off = _is_cut_off(actor, rule.project)
    _delete(rule, "removed", actor=actor)
    publish(platform)
    if not was_cut_off:
        _refuse_lock_out(actor, rule.project, confirm=confirm)


def rule_by_id(public_id: str, *, actor: Actor) -> IpRule:
    """The rule, if ``actor`` may see it. Raises :class:`NotFound`."""
    rule = IpRule.objects.visible_to(actor).select_related("project").filter(public_id=public_id).first()
    if rule is None:
        raise NotFound(f"there is no rule '{public_id}'")
    return rule


def rule_on(network: str, action: RuleAction, *, actor: Actor, project: Project | None = None) -> IpRule:
    """The rule on exactly this network in this scope. Raises :class:`NotFound`."""
    wanted = clean_network(network)
    rules = IpRule.objects.visible_to(actor).select_related("project")
    rule = rules.filter(network=str(wanted), action=action.value, project=project).first()
    if rule is None:
        scope = f"on {project}" if project else "on the platform"
        raise NotFound(f"no rule {scope} is to {action.value} {wanted}: temps firewall list shows what there is")
    return rule


@transaction.atomic
def set_rate_limit(path: str, requests: int, window: timedelta, *, actor: Actor) -> RateLimit:
    """Let each client send ``requests`` in any ``window`` on paths like ``path`` (empty: on all), from now on."""
    require(actor, Permission.FIREWALL_WRITE)
    pattern = clean_pattern(path)
    if not 1 <= requests <= MOST_REQUESTS:
        raise Invalid(f"a limit lets 1 to {MOST_REQUESTS} requests pass", field="requests")
    if not timedelta(seconds=1) <= window <= LONGEST_WINDOW or window.microseconds:
        raise Invalid("a window has 1 second to 1 day, in whole seconds", field="window")
    platform = lock_platform()
    limit = RateLimit.objects.filter(path=pattern).first() or RateLimit(path=pattern, created_by=actor.label)
    before = None if limit.pk is None else {"requests": limit.requests, "window": limit.window}
    limit.requests, limit.window = requests, int(window.total_seconds())
    limit.save()
    record(
        actor,
        Action.RATE_LIMIT_UPDATE,
        limit,
        f"set {limit}",
        metadata={"path": pattern, "before": before, "after": {"requests": requests, "window": limit.window}},
    )
    publish(platform)
    return limit


@transaction.atomic
def remove_rate_limit(limit: RateLimit, *, actor: Actor) -> None:
    """Lift a limit. Without one of its own, everything falls back to the limit from the settings."""
    require(actor, Permission.FIREWALL_WRITE)
    platform = lock_platform()
    if not RateLimit.objects.filter(pk=limit.pk).delete()[0]:
        raise NotFound(f"there is no rate limit '{limit.public_id}' any more")
    before = {"requests": limit.requests, "window": limit.window}
    record(
        actor,
        Action.RATE_LIMIT_UPDATE,
        limit,
        f"lifted {limit}",
        metadata={"path": limit.path, "before": before, "after": None},
    )
    publish(platform)


def rate_limit_by_id(public_id: str, *, actor: Actor) -> RateLimit:
    """The limit, if ``actor`` may see it. Raises :class:`NotFound`."""
    limit = RateLimit.objects.visible_to(actor).filter(public_id=public_id).first()
    if limit is None:
        raise NotFound(f"there is no rate limit '{public_id}'")
    return limit


def rate_limit_on(path: str, *, actor: Actor) -> RateLimit:
    """The limit with exactly this pattern. Raises :class:`NotFound`."""
    pattern = clean_pattern(path)
    limit = RateLimit.objects.visible_to(actor).filter(path=pattern).first()
    if limit is None:
        raise NotFound(f"there is no rate limit on {pattern or 'everything'}")
    return limit


def header_preset(*, actor: Actor) -> Preset:
    """The preset in force."""
    require(actor, Permission.FIREWALL_READ)
    return newest_policy().preset


@transaction.atomic
def set_header_preset(preset: str, *, actor: Actor) -> Preset:
    """Choose the security headers of the platform's own answers."""
    require(actor, Permission.FIREWALL_WRITE)
    try:
        chosen = Preset(preset.strip().lower())
    except ValueError:
        raise Invalid(f"'{preset}' is not a preset: use {', '.join(Preset)}", field="preset") from None
    platform = lock_platform()
    before = platform.header_preset
    platform.header_preset = chosen.value
    platform.save(update_fields=["header_preset"])
    record(
        actor,
        Action.HEADERS_UPDATE,
        ("headers", "platform"),
        f"chose the header preset {chosen.value}",
        metadata={"before": before, "after": chosen.value},
    )
    publish(platform)
    return chosen


@transaction.atomic
def reconcile(*, actor: Actor) -> int:
    """Remove rules that have expired, publish what rows mean now, prune old versions; the number of rules removed.

    Enforcement does not wait for this. It finds what cannot announce itself: time that passed, a project deleted.
    """
    require(actor, Permission.FIREWALL_WRITE)
    platform = lock_platform()
    expired = IpRule.objects.select_related("project").filter(expires_at__lte=clock.now()).order_by("expires_at")
    removed = 0
    for rule in expired[:EXPIRED_AT_ONCE]:
        _delete(rule, "expired", actor=actor)
        removed += 1
    publish(platform)
    prune_versions()
    return removed


def _delete(rule: IpRule, why: str, *, actor: Actor) -> None:
    """Delete and record, once: whoever removed it first has done both."""
    if not IpRule.objects.filter(pk=rule.pk).delete()[0]:
        raise NotFound(f"there is no rule '{rule.public_id}' any more")
    record(
        actor,
        Action.IP_RULE_DELETE,
        rule,
        f"{why}: {rule}",
        project=str(rule.project) if rule.project else "",
        metadata={"action": rule.action, "network": rule.network, "scope": rule.scope, "hits": rule.hits, "why": why},
    )


def _make_room_for(network: Network, project: Project | None, *, actor: Actor) -> None:
    """Refuse a second rule on the same network in the same scope; one that has expired steps aside."""
    there = IpRule.objects.select_related("project").filter(network=str(network), project=project).first()
    if there is None:
        return
    if there.expires_at is None or there.expires_at > clock.now():
        raise Conflict(f"there is a rule already: {there}. Remove it first", field="network")
    _delete(there, "expired", actor=actor)


def _refuse_everybody(network: Network) -> None:
    if network.prefixlen == 0:
        raise Invalid(f"{network} is everybody: nobody could reach Temps any more", field="network")


def _refuse_trusted_proxy(network: Network, *, confirm: bool) -> None:
    proxies = [proxy for proxy in settings.TRUSTED_PROXIES if proxy.overlaps(network)]
    if proxies and not confirm:
        raise Conflict(f"{network} touches the trusted proxy {proxies[0]}: confirm it if you mean it", field="network")


def _is_cut_off(actor: Actor, project: Project | None) -> bool:
    """Whether the newest policy refuses the actor's own address.

    The operator of the machine has none and cannot lock themselves out: they need no network to undo it.
    """
    if actor.address is None:
        return False
    slug = str(project) if project else None
    return newest_policy().judge(parse_address(actor.address), slug, clock.now()).blocked


def _refuse_lock_out(actor: Actor, project: Project | None, *, confirm: bool) -> None:
    """Raise :class:`Conflict`, and so undo the change, when it cuts off whoever is making it."""
    if not confirm and _is_cut_off(actor, project):
        raise Conflict(
            f"this would cut off your own address {actor.address}: confirm it if you mean it", field="network"
        )
