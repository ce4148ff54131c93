"""The console's page of what signing in demands."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.models import SignInPolicy
from accounts.policy import change_policy, current_policy
from rbac.console import ServiceAdmin
from rbac.permissions import Permission
from temps.lib.actor import Actor


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    sign_up_domains = forms.CharField(
        label="Domains that may sign up",
        required=False,
        max_length=30_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One a line (example.com), where sign-up is open; empty for all.",
    )

    class Meta:
        model = SignInPolicy
        fields = ("require_mfa", "magic_links", "sign_up", "session_hours", "session_idle_minutes")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["sign_up_domains"] = "\n".join(self.instance.sign_up_domains)

    def clean_sign_up_domains(self) -> list[str]:
        return str(self.cleaned_data["sign_up_domains"]).split()


@admin.register(SignInPolicy)
class SignInPolicyAdmin(ServiceAdmin):
    permission_to_view = Permission.SETTINGS_READ
    permission_to_change = Permission.SETTINGS_WRITE
    step_up = frozenset({"change"})
    form = PolicyForm
    fieldsets = (
        ("Second factor", {"fields": ("require_mfa",)}),
        ("Ways in", {"fields": ("magic_links", "sign_up", "sign_up_domains")}),
        ("Sessions", {"fields": ("session_hours", "session_idle_minutes")}),
    )
    list_display = ("__str__", "require_mfa")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The policy in force, also while it is the default and has no row."""
        return current_policy() if object_id == str(SignInPolicy.ONLY) and self.has_view_permission(request) else None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self.changeform_view(request, str(SignInPolicy.ONLY), extra_context=extra_context)

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        names = [name for _title, section in self.fieldsets for name in section["fields"]]
        change_policy({name: form.cleaned_data[name] for name in names}, actor=actor)
