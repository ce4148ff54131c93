"""How alerts are told. A group may be what a stranger typed, so it is shown as text everywhere, and never as more.

In Slack's markup ``<``, ``>`` and ``&`` are the only characters that make links; a code span keeps Slack and those who
imitate it from finding an address in the rest. Mail programs find them in plain text too, so ``://`` is broken up.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.urls import reverse

from audit.alerts.models import Alert, Message
from temps.lib import clock

Told = dict[str, Any]


def as_told(alert: Alert) -> Told:
    """The alert as messages carry it, and as receivers of webhooks get it."""
    return {
        "id": alert.public_id,
        "rule": alert.rule.public_id,
        "severity": alert.severity,
        "title": alert.title,
        "group": alert.group,
        "count": alert.count,
        "firstAt": clock.iso(alert.first_at),
        "lastAt": clock.iso(alert.last_at),
        "events": alert.events,
        "link": link_to(alert),
    }


def link_to(alert: Alert) -> str:
    """The page of the console, or nothing where Temps was not told its own address (TEMPS_PUBLIC_URL)."""
    base = settings.PUBLIC_URL.rstrip("/")
    return base + reverse("admin:audit_alerts_alert_change", args=[alert.pk]) if base else ""


def subject(message: Message) -> str:
    first, others = message.alerts[0], len(message.alerts) + message.more - 1
    text = f"[Temps] {first['severity']}: {first['title']}"
    text += f" ({_harmless(first['group'])})" if first["group"] else ""
    return text + (f" and {others} more" if others else "")


def plain(message: Message) -> str:
    """The body of a mail."""
    parts = ["\n".join(_lines(alert)) for alert in message.alerts]
    if message.more:
        parts.append(f"And {message.more} more: see the console under Alerts, or temps alert list.")
    return "\n\n".join(parts) + "\n"


def _lines(alert: Told) -> list[str]:
    lines = [f"{alert['severity'].upper()}: {alert['title']}"]
    if alert["group"]:
        lines.append(f"  about:  {_harmless(alert['group'])}")
    lines += [f"  count:  {alert['count']}", f"  first:  {alert['firstAt']}", f"  last:   {alert['lastAt']}"]
    lines.append(f"  alert:  {alert['link'] or alert['id']}")
    return lines


def slack(message: Message) -> bytes:
    """The body that Slack's incoming webhooks, and those of Mattermost and others, take."""
    lines = [_slack_line(alert) for alert in message.alerts]
    if message.more:
        lines.append(f"And {message.more} more.")
    return json.dumps({"text": "\n".join(lines)}).encode()


def _slack_line(alert: Told) -> str:
    line = f"*{alert['severity'].upper()}* {_escaped(_harmless(alert['title']))}"
    if alert["group"]:
        line += f" `{_escaped(_harmless(alert['group']).replace('`', chr(39)))}`"
    line += f" ({alert['count']} since {alert['firstAt']})" if alert["count"] > 1 else f" ({alert['firstAt']})"
    return line + (f" <{_escaped(alert['link'])}|open in Temps>" if alert["link"] else "")


def webhook(message: Message) -> bytes:
    """The body for programs, with the envelope that Standard Webhooks recommends."""
    data = {"alerts": message.alerts, "more": message.more}
    return json.dumps({"type": "alerts", "timestamp": clock.iso(message.created_at), "data": data}).encode()


def _harmless(text: str) -> str:
    return text.replace("://", "[:]//")


def _escaped(text: str) -> str:
    """As Slack asks: https://docs.slack.dev/messaging/formatting-message-text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
