"""The console's sidebar: the rooms in the order of the house, each shown to whoever may read something in it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from audit.alerts.services import open_alerts
from rbac.guards import actor_of

SECTIONS: dict[str, tuple[str, ...]] = {
    "People": ("User", "Invitation", "Grant", "GroupRole", "ApiKey"),
    "Signing in": ("SignInPolicy", "IdentityProvider", "Directory", "MailServer", "Notice"),
}
"""Sections made of several rooms, and the order of what is in them. What is in none stands under its room's name."""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, dict[str, Any]]] = {title: {} for title in SECTIONS}
    for app in admin.site.get_app_list(request):
        for model in app["models"]:
            if model["admin_url"]:
                name = model["object_name"]
                groups.setdefault(_section_of(name, app["name"]), {})[name] = _item(request, model)
    dashboard = {"title": "", "items": [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}]}
    return [dashboard, *(_group(title, groups[title]) for title in sorted(groups) if groups[title])]


def _section_of(name: str, app: str) -> str:
    return next((title for title, names in SECTIONS.items() if name in names), app)


def _item(request: HttpRequest, model: dict[str, Any]) -> dict[str, Any]:
    item = {"title": model["name"], "icon": ICONS.get(model["object_name"], "circle"), "link": model["admin_url"]}
    if item["link"] == reverse("admin:audit_alerts_alert_changelist"):
        item["badge"] = open_alerts(actor_of(request)).count() or None
    return item


def _group(title: str, items: dict[str, dict[str, Any]]) -> dict[str, Any]:
    order = SECTIONS.get(title, tuple(items))
    return {"title": title, "separator": True, "items": [items[name] for name in order if name in items]}


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
    "Notice": "handshake",
    "RateLimit": "speed",
    "IpRule": "block",
}
