from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from accounts.key_admin import ApiKeyAdmin
from accounts.lockout.services import lockout_of, unlock
from accounts.models import User, UserKind
from accounts.policy_admin import SignInPolicyAdmin
from accounts.privacy.persons import erase_person
from accounts.services import create_user, set_active
from accounts.user_actions import UserActions, second_factor_of
from rbac.guards import actor_of
from rbac.permissions import Permission, PlatformRole
from temps.lib.actor import Actor

__all__ = ["ApiKeyAdmin", "SignInPolicyAdmin", "UserAdmin"]

SHOWN = ("roles", "sessions", "date_joined", "last_login")


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
class UserAdmin(UserActions):
    permission_to_view = Permission.USERS_READ
    permission_to_add = Permission.USERS_CREATE
    permission_to_change = Permission.USERS_UPDATE
    permission_to_delete = Permission.USERS_DELETE
    step_up = frozenset({"delete"})
    removal = (
        "Erase",
        "The account goes, with its keys, sessions, second factors and roles. The audit log keeps what they did under a"
        " pseudonym. There is no way back. To keep somebody out and their account as it is, disable it instead.",
    )
    actions = ("unlock_selected",)
    list_display = ("email", "name", "kind", "is_active", "second_factor", "roles")
    list_filter = ("kind", "is_active")
    search_fields = ("email", "name")

    @display(description="second factor", label={"yes": "success", "no": "warning"})  # type: ignore[untyped-decorator]
    def second_factor(self, user: User) -> str | None:
        return second_factor_of(user)

    @admin.display(description="locked out")
    def locked(self, user: User) -> str:
        lockout = lockout_of(user)
        if lockout is None:
            return "no"
        return f"until {lockout.until:%H:%M} UTC, from networks that are new, after {lockout.attempts} failed sign-ins"

    @admin.action(description="Lift the lockout", permissions=["change"])
    def unlock_selected(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        with transaction.atomic():
            for user in chosen:
                unlock(user, actor=actor_of(request))
        messages.success(request, "Lifted: failed sign-ins before this count no more.")

    @admin.display(description="sessions")
    def sessions(self, user: User) -> str:
        return format_html(
            '<a href="{}">where this account is signed in</a>', reverse("admin:sessions_of_user", args=[user.public_id])
        )

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(str(grant) for grant in user.grants.all()) or "none"

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .prefetch_related("totp_devices", "passkeys", "grants__project", "grants__environment")
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewUserForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("email", "name", "kind", "role", "password")
        return ("email", "name", "kind", "is_active", "second_factor", "locked", *SHOWN)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("email", "name", "kind", "second_factor", "locked", *SHOWN)

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

    def get_actions(self, request: HttpRequest) -> Any:
        """People are erased one by one."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def remove(self, obj: Any, actor: Actor) -> None:
        erase_person(obj, confirm=obj.email, actor=actor)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        messages.success(request, "Erased. Where the audit log named them it says a pseudonym.")
        return redirect("admin:accounts_user_changelist")
