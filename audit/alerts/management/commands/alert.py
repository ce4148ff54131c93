"""``temps alert``: what was found, what is watched for, and who is told."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting, at, yes_no
from audit.alerts import channels, services
from audit.alerts.input import read_address
from audit.alerts.models import Alert, AlertState, Channel, GroupBy, Rule, Severity
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.cli import show_json, show_table
from temps.lib.durations import parse_duration

RuleName = Annotated[str, Option("--rule", metavar="KEY", help="The rule's key or id: temps alert rules shows them.")]
ChannelName = Annotated[str, Option("--channel", metavar="NAME", help="The channel's name or id.")]
Name = Annotated[str, Option("--name", help="What people call it.")]
AtLeast = Annotated[str, Option("--at-least", metavar="SEVERITY", help="Tell of info, warning or critical alerts on.")]
NOBODY = "alerts are shown here and in the console, and told to nobody (temps alert add-mail, temps alert test)"


def _alert(alert: Alert) -> dict[str, Any]:
    names = ("severity", "state", "title", "group", "count", "details", "acknowledged_by")
    moments = ("first_at", "last_at", "notified_at", "acknowledged_at", "resolved_at")
    shown = {"id": alert.public_id, "rule": alert.rule.key or alert.rule.public_id}
    shown |= {name: getattr(alert, name) for name in names}
    return shown | {name: _moment(getattr(alert, name)) for name in moments}


def _rule(rule: Rule) -> dict[str, Any]:
    names = ("name", "kind", "enabled", "severity", "operations", "results", "threshold", "window", "group_by")
    return {"id": rule.public_id, "key": rule.key} | {name: getattr(rule, name) for name in names}


def _channel(channel: Channel) -> dict[str, Any]:
    names = ("name", "kind", "address", "enabled", "minimum_severity", "failures", "last_error")
    shown = {"id": channel.public_id} | {name: getattr(channel, name) for name in names}
    return shown | {"delivered_at": _moment(channel.delivered_at)}


def _moment(moment: Any) -> str | None:
    return None if moment is None else clock.iso(moment)


def _how(channel: Channel) -> str:
    if not channel.enabled:
        return "disabled"
    if channel.last_error:
        return f"failing ({channel.failures}): {channel.last_error}"
    return f"delivered {at(channel.delivered_at)}" if channel.delivered_at else "nothing sent yet"


def _reader(as_user: str) -> Actor:
    """Who asks; an empty list would not tell them that they may not see what there is."""
    actor = acting(as_user)
    require(actor, Permission.MONITORING_READ)
    return actor


class Command(TempsCommand):
    help = "Alerts: what was found, what is watched for, and who is told."

    @command("list")
    def list_alerts(
        self,
        everything: Annotated[bool, Option("--all", help="Resolved ones too.")] = False,
        limit: Annotated[int, Option("--limit", min=1, max=10_000, help="How many, newest first.")] = 50,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """What was found and is not resolved, newest first."""
        rows = Alert.objects.visible_to(_reader(as_user)).select_related("rule")
        if not everything:
            rows = rows.exclude(state=AlertState.RESOLVED)
        alerts = rows[:limit]
        if as_json:
            show_json([_alert(alert) for alert in alerts])
        else:
            show_table(
                ("ID", "SEVERITY", "STATE", "WHAT", "COUNT", "LAST"),
                ((a.public_id, a.severity, a.state, a, a.count, at(a.last_at)) for a in alerts),
                empty="no alerts",
            )
        _say_if_told_to_nobody()

    @command()
    def acknowledge(
        self, alert: Annotated[str, Option("--alert", metavar="ID", help="The alert's id.")], as_user: AsUser = ""
    ) -> None:
        """Say that you look after it: it counts on, and nobody is reminded."""
        actor = acting(as_user)
        print(f"acknowledged {services.acknowledge(services.alert_by_id(alert, actor=actor), actor=actor)}")

    @command()
    def rules(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """What is watched for."""
        rows = Rule.objects.visible_to(_reader(as_user))
        if as_json:
            show_json([_rule(rule) for rule in rows])
            return
        cells = (
            (r.key or r.public_id, r.name, yes_no(r.enabled), r.severity, r.when, services.one_for_each(r))
            for r in rows
        )
        show_table(
            ("RULE", "NAME", "ENABLED", "SEVERITY", "ALERTS AT", "ONE FOR EACH"),
            cells,
            empty="no rules: temps migrate adds those that come with Temps",
        )

    @command()
    def enable(self, rule: RuleName, as_user: AsUser = "") -> None:
        """Switch a rule on."""
        print(f"enabled '{_switched(rule, True, as_user)}'")

    @command()
    def disable(self, rule: RuleName, as_user: AsUser = "") -> None:
        """Switch a rule off; what it found resolves by itself."""
        print(f"disabled '{_switched(rule, False, as_user)}'")

    @command("add-rule")
    def add_rule(
        self,
        name: Name,
        operations: Annotated[str, Option("--operations", help="With commas, or as SECRET_*; left out, any.")] = "",
        results: Annotated[str, Option("--results", help="success, denied, failure; left out, any.")] = "",
        threshold: Annotated[int, Option("--threshold", help="How many within the window.")] = 1,
        window: Annotated[str, Option("--window", metavar="10m", help="How long the window is.")] = "10m",
        group_by: Annotated[str, Option("--group-by", help="user, address, project or none.")] = GroupBy.NONE.value,
        severity: Annotated[str, Option("--severity", help="info, warning or critical.")] = Severity.WARNING.value,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Watch for something of your own."""
        rule = services.create_rule(
            name,
            operations=_words(operations),
            results=_words(results.lower()),
            threshold=threshold,
            window=int(parse_duration(window, field="window").total_seconds()),
            group_by=group_by,
            severity=severity,
            actor=acting(as_user),
        )
        if as_json:
            show_json(_rule(rule))
        else:
            print(f"made '{rule}' ({rule.public_id})")

    @command("remove-rule")
    def remove_rule(self, rule: RuleName, as_user: AsUser = "") -> None:
        """Delete a rule of your own, and the alerts it made."""
        actor = acting(as_user)
        found = services.rule_by_id(rule, actor=actor)
        services.delete_rule(found, actor=actor)
        print(f"deleted '{found}'")

    @command("channels")
    def list_channels(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """Who is told."""
        rows = Channel.objects.visible_to(_reader(as_user))
        if as_json:
            show_json([_channel(channel) for channel in rows])
        else:
            show_table(
                ("CHANNEL", "KIND", "TO", "FROM", "HOW IT IS"),
                ((c.name, c.kind, c.address, c.minimum_severity, _how(c)) for c in rows),
                empty="no channels yet",
            )
        _say_if_told_to_nobody()

    @command("add-mail")
    def add_mail(
        self,
        name: Name,
        to: Annotated[str, Option("--to", metavar="EMAIL", help="Who gets the mail.")],
        at_least: AtLeast = Severity.INFO.value,
        as_user: AsUser = "",
    ) -> None:
        """Tell of alerts by mail."""
        channel = channels.add_mail(name, to, minimum_severity=at_least, actor=acting(as_user))
        print(f"alerts are mailed to {channel.address}; try it: temps alert test --channel '{channel}'")

    @command("add-webhook")
    def add_webhook(self, name: Name, at_least: AtLeast = Severity.INFO.value, as_user: AsUser = "") -> None:
        """Tell of alerts by signed JSON. The web address is read from standard input, or asked for."""
        actor = acting(as_user)
        channel, secret = channels.add_webhook(name, read_address(), minimum_severity=at_least, actor=actor)
        print(f"alerts are posted to {channel.address}, signed with this secret, which is shown once:", file=sys.stderr)
        print(secret)
        print(f"try it: temps alert test --channel '{channel}'", file=sys.stderr)

    @command("add-slack")
    def add_slack(self, name: Name, at_least: AtLeast = Severity.INFO.value, as_user: AsUser = "") -> None:
        """Tell of alerts in Slack or the like. The web address is read from standard input, or asked for."""
        channel = channels.add_slack(name, read_address(), minimum_severity=at_least, actor=acting(as_user))
        print(f"alerts are posted to {channel.address}; try it: temps alert test --channel '{channel}'")

    @command("remove-channel")
    def remove_channel(self, channel: ChannelName, as_user: AsUser = "") -> None:
        """Tell this channel nothing more."""
        actor = acting(as_user)
        found = channels.channel_by_id(channel, actor=actor)
        channels.remove_channel(found, actor=actor)
        print(f"removed '{found}'")

    @command()
    def test(self, channel: ChannelName, as_user: AsUser = "") -> None:
        """Send a test message now, and say whether it arrived."""
        actor = acting(as_user)
        found = channels.channel_by_id(channel, actor=actor)
        channels.send_test(found, actor=actor)
        print(f"{found.address} took the message")


def _switched(rule: str, enabled: bool, as_user: str) -> Rule:
    actor = acting(as_user)
    return services.update_rule(services.rule_by_id(rule, actor=actor), enabled=enabled, actor=actor)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _say_if_told_to_nobody() -> None:
    if why := channels.told_to_nobody():
        print(f"{why}: {NOBODY}", file=sys.stderr)
