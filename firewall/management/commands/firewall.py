"""``temps firewall``: who may reach what, and how often."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django_typer.management import command, group
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting, at
from firewall.models import IpRule, RateLimit, RuleAction
from firewall.networks import clean_address
from firewall.services import (
    allow,
    block,
    header_preset,
    rate_limit_on,
    remove_rate_limit,
    remove_rule,
    rule_on,
    set_header_preset,
    set_rate_limit,
)
from firewall.simulation import simulate
from projects.models import Project
from projects.services import project_by_slug
from rbac.permissions import Permission
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.cli import show_json, show_table
from temps.lib.durations import parse_duration

Network = Annotated[str, Option("--ip", metavar="CIDR", help="An address, or a network in CIDR form.")]
InProject = Annotated[str, Option("--project", help="Only for requests about this project (a slug).")]
Reason = Annotated[str, Option("--reason", help="For those who wonder later.")]
ExpiresIn = Annotated[str, Option("--expires-in", metavar="30d", help="End by itself after this long.")]
Confirm = Annotated[bool, Option("--confirm", help="Even if it cuts off your own address or a trusted proxy.")]
OnPath = Annotated[str, Option("--path", help="A pattern such as '/api/*'; left out: every path.")]


def _project(slug: str, actor: Actor) -> Project | None:
    return project_by_slug(slug, actor=actor, permission=Permission.FIREWALL_READ) if slug else None


def _expiry(duration: str) -> datetime | None:
    return clock.now() + parse_duration(duration, field="expires_in") if duration else None


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else clock.iso(moment)


def _rule(rule: IpRule) -> dict[str, Any]:
    return {
        "id": rule.public_id,
        "action": rule.action,
        "network": rule.network,
        "project": str(rule.project) if rule.project else None,
        "reason": rule.reason,
        "expires_at": _moment(rule.expires_at),
        "hits": rule.hits,
        "last_hit_at": _moment(rule.last_hit_at),
        "created_at": _moment(rule.created_at),
        "created_by": rule.created_by,
    }


def _limit(limit: RateLimit) -> dict[str, Any]:
    return {"id": limit.public_id, "path": limit.path, "requests": limit.requests, "window": limit.window}


def _told(rule: IpRule, as_json: bool) -> None:
    if as_json:
        show_json(_rule(rule))
        return
    verb = "blocked" if rule.action == RuleAction.BLOCK else "allowed"
    until = f" until {at(rule.expires_at)}" if rule.expires_at else ""
    print(f"{verb} {rule.network} on {rule.scope}{until} ({rule.public_id})")


class Command(TempsCommand):
    help = "Firewall: block and allow addresses, limit rates, choose headers, and ask what would happen."

    @command("block")
    def block_network(
        self,
        ip: Network,
        project: InProject = "",
        reason: Reason = "",
        expires_in: ExpiresIn = "",
        confirm: Confirm = False,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Refuse requests from a network, within a second and without a restart."""
        actor, expires_at = acting(as_user), _expiry(expires_in)
        scope = _project(project, actor)
        rule = block(ip, actor=actor, project=scope, reason=reason, expires_at=expires_at, confirm=confirm)
        _told(rule, as_json)

    @command("allow")
    def allow_network(
        self,
        ip: Network,
        project: InProject = "",
        reason: Reason = "",
        expires_in: ExpiresIn = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Except a network from wider blocks: the most specific rule decides."""
        actor, expires_at = acting(as_user), _expiry(expires_in)
        rule = allow(ip, actor=actor, project=_project(project, actor), reason=reason, expires_at=expires_at)
        _told(rule, as_json)

    @command()
    def unblock(self, ip: Network, project: InProject = "", confirm: Confirm = False, as_user: AsUser = "") -> None:
        """Remove the block on exactly this network."""
        self._remove(RuleAction.BLOCK, ip, project, confirm, as_user)

    @command()
    def disallow(self, ip: Network, project: InProject = "", confirm: Confirm = False, as_user: AsUser = "") -> None:
        """Remove the exception for exactly this network."""
        self._remove(RuleAction.ALLOW, ip, project, confirm, as_user)

    def _remove(self, action: RuleAction, ip: str, project: str, confirm: bool, as_user: str) -> None:
        actor = acting(as_user)
        rule = rule_on(ip, action, actor=actor, project=_project(project, actor))
        remove_rule(rule, actor=actor, confirm=confirm)
        print(f"removed: {rule}")

    @command("list")
    def list_rules(
        self,
        project: Annotated[str, Option("--project", help="Only the rules of this project.")] = "",
        ip: Annotated[str, Option("--ip", help="Only the rules whose network holds this address.")] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """The rules that you may see, the newest first."""
        actor = acting(as_user)
        rules = IpRule.objects.visible_to(actor).select_related("project")
        if project:
            rules = rules.filter(project=_project(project, actor))
        if ip:
            rules = rules.covering(clean_address(ip))
        if as_json:
            show_json([_rule(rule) for rule in rules])
            return
        show_table(
            ("RULE", "ACTION", "NETWORK", "PROJECT", "EXPIRES", "HITS", "BY", "REASON"),
            (
                (
                    *(rule.public_id, rule.action, rule.network, rule.project, at(rule.expires_at)),
                    *(rule.hits, rule.created_by, rule.reason),
                )
                for rule in rules
            ),
            empty="no rules: temps firewall block --ip 203.0.113.0/24",
        )

    @command()
    def test(
        self,
        ip: Annotated[str, Option("--ip", help="The address that would ask.")],
        project: Annotated[str, Option("--project", help="What the request would be about (a slug).")] = "",
        path: Annotated[str, Option("--path", help="The path it would ask for.")] = "/",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """What would happen to a request, and which rule decides."""
        found = simulate(ip, actor=acting(as_user), project=project, path=path)
        limits = [{"path": one.path, "requests": one.requests, "window": one.window} for one in found.limits]
        if as_json:
            rule = _rule(found.rule) if found.rule else None
            about = {"address": found.address, "path": found.path, "project": found.project or None}
            verdict = {"verdict": found.verdict, "because": found.because}
            show_json(verdict | about | {"rule": rule, "limits": limits, "version": found.version})
            return
        print(f"{found.verdict}: {found.because} (policy {found.version})")
        for limit in limits:
            print(f"limited to {limit['requests']} requests in {limit['window']} s on {limit['path'] or 'everything'}")

    @command()
    def headers(
        self,
        preset: Annotated[str, Option("--preset", help="strict, moderate or permissive.")] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Show the preset of security headers, or choose another."""
        actor = acting(as_user)
        chosen = set_header_preset(preset, actor=actor) if preset else header_preset(actor=actor)
        if as_json:
            show_json({"preset": chosen.value})
        else:
            print(chosen.value)

    @group()
    def ratelimit(self) -> None:
        """How many requests each client address may send, on every path or on some."""

    @ratelimit.command("set")
    def set_limit(
        self,
        requests: Annotated[int, Option("--requests", help="How many in any window.")],
        window: Annotated[str, Option("--window", metavar="1m", help="How long the sliding window is.")] = "1m",
        path: OnPath = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Set the limit on a path pattern, or the one of everything."""
        length = parse_duration(window, field="window")
        limit = set_rate_limit(path, requests, length, actor=acting(as_user))
        if as_json:
            show_json(_limit(limit))
        else:
            print(f"each client: {limit}")

    @ratelimit.command("list")
    def list_limits(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The limits that were set; without one of everything, RATE_LIMIT_REQUESTS and RATE_LIMIT_WINDOW hold."""
        rows = [_limit(limit) for limit in RateLimit.objects.visible_to(acting(as_user))]
        if as_json:
            show_json(rows)
            return
        show_table(
            ("LIMIT", "PATH", "REQUESTS", "WINDOW"),
            ((row["id"], row["path"] or "everything", row["requests"], f"{row['window']} s") for row in rows),
            empty="no limits were set: the one from the settings holds",
        )

    @ratelimit.command("remove")
    def remove_limit(self, path: OnPath = "", as_user: AsUser = "") -> None:
        """Lift the limit on a path pattern, or the one of everything."""
        actor = acting(as_user)
        limit = rate_limit_on(path, actor=actor)
        remove_rate_limit(limit, actor=actor)
        print(f"lifted: {limit}")
