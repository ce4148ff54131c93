from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from firewall.models import IpRule, RateLimit, RuleAction
from firewall.services import allow, block, remove_rate_limit, remove_rule, set_rate_limit
from projects.models import Project
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.actor import Actor


class IpRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    confirm = forms.BooleanField(
        required=False,
        help_text="Make the rule even if it cuts off your own address or touches a trusted proxy.",
    )

    class Meta:
        model = IpRule
        fields = ("action", "network", "project", "reason", "expires_at")
        labels: ClassVar = {"expires_at": "Expires at (UTC)"}
        help_texts: ClassVar = {
            "network": "An address, or a network in CIDR form, such as 203.0.113.7 or 2001:db8::/32.",
            "reason": "For those who wonder later.",
            "expires_at": "The rule ends by itself then; empty for never.",
        }


@admin.register(IpRule)
class IpRuleAdmin(ServiceAdmin):
    """Rules are made and removed, not edited: the audit log then tells each rule's whole life."""

    permission_to_view = Permission.FIREWALL_READ
    permission_to_add = Permission.FIREWALL_WRITE
    permission_to_delete = Permission.FIREWALL_WRITE
    form = IpRuleForm
    list_display = ("network", "action", "scope", "reason", "expires_at", "hits", "last_hit_at", "created_by")
    list_filter = ("action", "family")
    list_select_related = ("project",)
    search_fields = ("network", "reason", "public_id")
    fields = ("action", "network", "project", "reason", "expires_at", "confirm")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fields
        return ("public_id", *self.fields[:-1], "hits", "last_hit_at", "created_at", "created_by")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "project":
            options["queryset"] = Project.objects.visible_to(actor_of(request), Permission.FIREWALL_WRITE)
        field = super().formfield_for_foreignkey(db_field, request, **options)
        if db_field.name == "project":
            field.empty_label = "the whole platform"
        return field

    def create(self, form: Any, actor: Actor) -> IpRule:
        given = form.cleaned_data
        what = {"project": given["project"], "reason": given["reason"], "expires_at": given["expires_at"]}
        if given["action"] == RuleAction.ALLOW:
            return allow(given["network"], actor=actor, **what)
        return block(given["network"], actor=actor, confirm=given["confirm"], **what)

    def remove(self, obj: Any, actor: Actor) -> None:
        remove_rule(obj, actor=actor)


@admin.register(RateLimit)
class RateLimitAdmin(ServiceAdmin):
    permission_to_view = Permission.FIREWALL_READ
    permission_to_add = Permission.FIREWALL_WRITE
    permission_to_change = Permission.FIREWALL_WRITE
    permission_to_delete = Permission.FIREWALL_WRITE
    list_display = ("pattern", "requests", "window", "created_at", "created_by")
    search_fields = ("path",)
    fields = ("path", "requests", "window")

    @admin.display(description="path", ordering="path")
    def pattern(self, limit: RateLimit) -> str:
        return limit.path or "everything"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("path",)

    def create(self, form: Any, actor: Actor) -> RateLimit:
        given = form.cleaned_data
        return set_rate_limit(given["path"], given["requests"], timedelta(seconds=given["window"]), actor=actor)

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        given = form.cleaned_data
        set_rate_limit(obj.path, given["requests"], timedelta(seconds=given["window"]), actor=actor)

    def remove(self, obj: Any, actor: Actor) -> None:
        remove_rate_limit(obj, actor=actor)
