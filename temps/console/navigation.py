"""The console's sidebar: the rooms in the order of the house, each shown to whoever may read something in it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from audit.alerts.services import open_alerts
from rbac.guards import actor_of


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = [
        {"title": "", "items": [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}]}
    ]
    for app in admin.site.get_app_list(request):
        items = [
            {"title": model["name"], "icon": ICONS.get(model["object_name"], "circle"), "link": model["admin_url"]}
            for model in app["models"]
            if model["admin_url"]
        ]
        for item in items:
            if item["link"] == reverse("admin:audit_alerts_alert_changelist"):
                item["badge"] = open_alerts(actor_of(request)).count() or None
        if items:
            groups.append({"title": app["name"], "separator": True, "items": items})
    return groups


def account(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu of whoever is signed in."""
    links = [
        {"title": "Your account", "link": reverse("account_you")},
        {"title": "Security", "link": reverse("account_security")},
        {"title": "Your sessions", "link": reverse("admin:sessions")},
        {"title": "Linked accounts", "link": reverse("linked_accounts")},
    ]
    if request.user.is_authenticated and request.user.has_usable_password():
        links.append({"title": "Change password", "link": reverse("admin:password_change")})
    return links


ICONS = {
    "Event": "history",
    "Export": "download",
    "Alert": "notifications_active",
    "Rule": "rule",
    "Channel": "campaign",
    "Sink": "output",
    "RetentionPolicy": "auto_delete",
    "LegalHold": "gavel",
    "User": "group",
    "ApiKey": "key",
    "IdentityProvider": "login",
    "Grant": "badge",
    "GroupRole": "groups",
    "Directory": "contacts",
    "Project": "deployed_code",
    "Variable": "lock",
    "Domain": "verified",
    "Certificate": "workspace_premium",
    "SignInPolicy": "passkey",
    "MailServer": "mail",
    "Invitation": "person_add",
    "RateLimit": "speed",
    "IpRule": "block",
}
