"""Invitations in the console."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.links.addresses import base_url
from accounts.links.delivery import why_not_sent
from accounts.links.invitations import invite, resend_invitation, withdraw_invitation
from accounts.links.models import Invitation
from accounts.mail.condition import trouble
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission, PlatformRole, ProjectRole
from temps.lib.actor import Actor

COLOURS = {"pending": "info", "accepted": "success", "withdrawn": "warning", "expired": "warning"}
_PLATFORM, _PROJECT = [role.value for role in PlatformRole], [role.value for role in ProjectRole]
ROLES: list[tuple[str, Any]] = [
    ("", "none"),
    ("On the platform", [(role, role) for role in _PLATFORM if role not in _PROJECT]),
    ("On either", [(role, role) for role in _PLATFORM if role in _PROJECT]),
    ("On a project", [(role, role) for role in _PROJECT if role not in _PLATFORM]),
]


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]
    role = forms.ChoiceField(
        choices=ROLES,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="What they may do. On the platform, none gives an account alone.",
    )

    class Meta:
        model = Invitation
        fields = ("email", "project")
        help_texts = {"project": "Empty for the platform.", "email": "They get a link that works for a week."}


@admin.register(Invitation)
class InvitationAdmin(ServiceAdmin):
    permission_to_view = Permission.ROLES_READ
    permission_to_add = Permission.ROLES_CREATE
    permission_to_change = None
    step_up = frozenset({"add"})
    empty_hint = "Invite people by their address: they choose their password themselves."
    list_display = ("email", "offered", "state", "delivery", "created_by", "created_at", "expires_at")
    search_fields = ("email",)
    actions = ("send_again", "withdraw")
    sortable_by = ()

    @admin.display(description="offer")
    def offered(self, invitation: Invitation) -> str:
        return invitation.offer

    @display(description="state", label=COLOURS)  # type: ignore[untyped-decorator]
    def state(self, invitation: Invitation) -> str:
        return invitation.state.value

    @admin.display(description="mail")
    def delivery(self, invitation: Invitation) -> str | None:
        why = why_not_sent(invitation)
        return f"not sent yet: {why}" if why else None

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("project").prefetch_related("links")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = InvitationForm
        form = super().get_form(request, obj, change=change, **options)
        if "project" in form.base_fields:
            project = form.base_fields["project"]
            project.queryset = project.queryset.visible_to(actor_of(request))
        form.console = base_url(request)
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("email", "role", "project")
        times = ("created_at", "expires_at", "accepted_at", "withdrawn_at")
        return ("email", "offered", "state", "delivery", "created_by", *times)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def create(self, form: Any, actor: Actor) -> Invitation:
        given = form.cleaned_data
        made = invite(given["email"], role=given["role"], project=given["project"], base_url=form.console, actor=actor)
        form.link = made.link
        return made.invitation

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        obj.link = form.link

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, **options)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        if obj.link:
            return self._hand_over(request, [(obj, obj.link)])
        messages.success(request, f"Invited {obj.email}: a link is on its way.")
        self._warn(request)
        return redirect("admin:accounts_links_invitation_changelist")

    def _warn(self, request: HttpRequest) -> None:
        if why := trouble():
            messages.warning(request, f"{why[0].upper()}{why[1:]}. Temps tries again until the invitation expires.")

    def _hand_over(self, request: HttpRequest, made: list[tuple[Invitation, str]]) -> HttpResponse:
        """The links, in the answer itself: a message for the next page would have to be stored meanwhile."""
        context = {**self.admin_site.each_context(request), "title": "Hand over the link", "made": made}
        answer = TemplateResponse(request, "accounts_links/hand_over.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.action(description="Send again", permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        actor, base = actor_of(request), base_url(request)
        with transaction.atomic():  # all of them, or none
            made = [resend_invitation(one, actor=actor, base_url=base) for one in queryset]
        if any(one.link for one in made):
            return self._hand_over(request, [(one.invitation, one.link) for one in made])
        messages.success(request, "The invitations are on their way, with links for another week.")
        self._warn(request)
        return None

    @admin.action(description="Withdraw", permissions=["resend"])
    def withdraw(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            for invitation in queryset:
                withdraw_invitation(invitation, actor=actor_of(request))
        messages.success(request, "Withdrawn: the links no longer work.")
