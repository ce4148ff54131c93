from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.api_keys import create_api_key, revoke_api_key
from accounts.models import ApiKey, MfaRequirement, SignInPolicy, User, UserKind
from accounts.policy import current_policy, set_require_mfa
from accounts.scopes import DEFAULT_PRESET
from accounts.services import create_user, set_active, visible_user_by_email
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission, PlatformRole
from rbac.services import allowed, allowed_anywhere
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.durations import parse_duration


class NewUserForm(forms.ModelForm):  # type: ignore[type-arg]
    role = forms.ChoiceField(
        choices=[("", "none"), *((role.value, role.value) for role in PlatformRole)],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="On the platform; roles on projects are given under Grants.",
    )
    password = forms.CharField(
        required=False,
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="The first one, to be told in private; without it the account cannot sign in with a password.",
    )

    class Meta:
        model = User
        fields = ("email", "name", "kind")


@admin.register(User)
class UserAdmin(ServiceAdmin):
    permission_to_view = Permission.USERS_READ
    permission_to_add = Permission.USERS_CREATE
    permission_to_change = Permission.USERS_UPDATE
    list_display = ("email", "name", "kind", "is_active", "second_factor", "roles")
    list_filter = ("kind", "is_active")
    search_fields = ("email", "name")

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, user: User) -> bool:
        return any(device.confirmed for device in user.totp_devices.all())

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(str(grant) for grant in user.grants.all()) or "none"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("totp_devices", "grants__project", "grants__environment")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewUserForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("email", "name", "kind", "role", "password")
        return ("email", "name", "kind", "is_active", "second_factor", "roles", "date_joined", "last_login")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("email", "name", "kind", "second_factor", "roles", "date_joined", "last_login")

    def create(self, form: Any, actor: Actor) -> User:
        given = form.cleaned_data
        return create_user(
            given["email"],
            name=given["name"],
            kind=UserKind(given["kind"]),
            role=given["role"],
            password=given["password"] or None,
            actor=actor,
        )

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        if "is_active" in form.changed_data:
            set_active(obj, form.cleaned_data["is_active"], actor=actor)


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.CharField(
        initial=DEFAULT_PRESET,
        widget=UnfoldAdminTextInputWidget,
        help_text="Comma-separated permissions such as deployments:create, or read-only, deploy-only or admin.",
    )
    expires_in = forms.CharField(
        required=False,
        initial="90d",
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as 30d or 12h; empty for never.",
    )
    allowed_networks = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Where it may be used from, one network a line (192.0.2.0/24); empty for anywhere.",
    )
    owner_email = forms.EmailField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Whose key it is; yours if empty."
    )

    class Meta:
        model = ApiKey
        fields = ("name",)


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    """Everyone's own keys; all keys for those who may read them. Deleting one revokes it, and its row stays."""

    list_display = ("name", "shown_prefix", "owner", "status", "expires_at", "last_used_at", "last_used_ip")
    search_fields = ("name", "prefix", "owner__email")
    delete_confirmation_template = "accounts/api_key_revoke.html"

    @admin.display(description="key")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"tmp_{key.prefix}_…"

    @admin.display(description="status")
    def status(self, key: ApiKey) -> str:
        return key.status_at(clock.now())

    @admin.display(description="scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="may be used from")
    def network_list(self, key: ApiKey) -> str:
        return ", ".join(key.allowed_networks) or "anywhere"

    # One's own keys need no permission: ownership decides, in the services.

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        actor = actor_of(request)
        return actor.is_authenticated and (obj is None or self._is_own(obj, actor) or _holds(actor, "READ"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).credential.kind is CredentialKind.SESSION

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None or obj.revoked_at is not None:
            return False
        actor = actor_of(request)
        return self._is_own(obj, actor) or _holds(actor, "DELETE")

    def _is_own(self, key: ApiKey, actor: Actor) -> bool:
        return key.owner_id == actor.user_pk

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("owner")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewKeyForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            others = ("owner_email",) if allowed_anywhere(actor_of(request), Permission.API_KEYS_CREATE) else ()
            return ("name", "scopes", "expires_in", "allowed_networks", *others)
        return (
            *("name", "shown_prefix", "owner", "status", "scope_list", "network_list", "created_at", "created_by"),
            *("expires_at", "revoked_at", "last_used_at", "last_used_ip"),
        )

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, **options)

    def create(self, form: Any, actor: Actor) -> ApiKey:
        given = form.cleaned_data
        email = given.get("owner_email") or actor.label
        key, form.token = create_api_key(
            given["name"],
            owner=visible_user_by_email(email, actor=actor),
            scopes=given["scopes"],
            expires_in=parse_duration(given["expires_in"]) if given["expires_in"] else None,
            allowed_networks=given["allowed_networks"].split(),
            actor=actor,
        )
        return key

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        obj.token = form.token

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The key, in the answer to the form itself: a message for the next page would have to be stored meanwhile."""
        context = {**self.admin_site.each_context(request), "title": f"API key '{obj.name}'", "api_key": obj}
        answer = TemplateResponse(request, "accounts/api_key_made.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    def remove(self, obj: Any, actor: Actor) -> None:
        revoke_api_key(obj, actor=actor)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        messages.success(request, f"Revoked {obj_display}.")
        return redirect("admin:accounts_apikey_changelist")


def _holds(actor: Actor, verb: str) -> bool:
    return allowed(actor, Permission[f"API_KEYS_{verb}"])


@admin.register(SignInPolicy)
class SignInPolicyAdmin(ServiceAdmin):
    permission_to_view = Permission.SETTINGS_READ
    permission_to_change = Permission.SETTINGS_WRITE
    fields = ("require_mfa",)
    list_display = ("__str__", "require_mfa")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The policy in force, also while it is the default and has no row."""
        return current_policy() if object_id == str(SignInPolicy.ONLY) and self.has_view_permission(request) else None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self.changeform_view(request, str(SignInPolicy.ONLY), extra_context=extra_context)

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        set_require_mfa(MfaRequirement(form.cleaned_data["require_mfa"]).value, actor=actor)
