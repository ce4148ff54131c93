"""``/api/``: version 1 of the API, its schema and its pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from temps.api.root import Root
from temps.api.schema import Docs, Schema

v1: list[URLPattern | URLResolver] = [
    path("", Root.as_view(), name="root"),
    path("", include("accounts.api")),
    path("", include("accounts.mfa.api")),
    path("", include("accounts.browser_sessions.api")),
    path("", include("accounts.lockout.api")),
    path("", include("accounts.privacy.api")),
    path("", include("accounts.mail.api")),
    path("", include("accounts.links.api")),
    path("", include("accounts.group_roles.api")),
    path("", include("accounts.directory.api")),
    path("", include("accounts.providers.api")),
    path("", include("projects.api")),
    path("", include("secrets_vault.api")),
    path("", include("certificates.api")),
    path("", include("firewall.api")),
    path("", include("audit.api")),
    path("", include("audit.diffs.api")),
    path("", include("audit.exporting.api")),
    path("", include("audit.proof.api")),
    path("", include("audit.retention.api")),
    path("", include("audit.sinks.api")),
    path("", include("audit.alerts.api")),
]

urlpatterns = [
    path("v1/", include((v1, "api"))),
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", Docs.as_view(url_name="schema"), name="docs"),
]
