"""Retention and legal holds in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from audit.retention.models import LegalHold, RetentionPolicy
from audit.retention.services import place_hold, release_hold, set_retention
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.actor import Actor

HELP = {
    "project": "The slug of a project, such as my-app, to keep its entries. Empty: those of every project.",
    "user_email": (
        "The email address of a person, to keep what they did. Empty: what anybody did. Where both are empty, the hold "
        "keeps the whole log."
    ),
    "reason": "Why, in at most 200 characters: the log keeps it.",
}


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(ServiceAdmin):
    """One page: how long entries are kept."""

    step_up = frozenset({"change"})
    permission_to_view = Permission.SETTINGS_READ
    permission_to_change = Permission.SETTINGS_WRITE
    fields = ("days",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one row, so the list is the row."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        policy, _made = RetentionPolicy.objects.get_or_create(pk=1)
        return self.changeform_view(request, str(policy.pk))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        if "days" in form.base_fields:
            form.base_fields["days"].help_text = (
                "Entries older than this are removed every hour, unless a legal hold keeps them. Empty: kept forever. "
                "Their hashes stay, so that what is left can still be verified."
            )
        return form

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        """The title says what is kept, also above a form that was refused: the form's own row has what was typed."""
        if context["original"] is not None:
            context["original"] = RetentionPolicy.objects.get(pk=context["original"].pk)
            context["subtitle"] = str(context["original"])
        return super().render_change_form(request, context, **options)

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        set_retention(form.cleaned_data["days"], actor=actor)


@admin.register(LegalHold)
class LegalHoldAdmin(ServiceAdmin):
    permission_to_view = Permission.SETTINGS_READ
    permission_to_add = Permission.SETTINGS_WRITE
    empty_hint = "A hold keeps entries of a project or a person, whatever the retention policy says."
    list_display = ("covers", "reason", "created_by", "created_at", "state")
    fields = ("project", "user_email", "reason")
    ordering = ("-id",)
    sortable_by = ()
    actions = ("release",)
    change_form_outer_after_template = "audit/hold_release.html"

    class Media:
        css = {"all": ("audit/audit.css",)}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else (*self.fields, "created_by", "created_at", "released_by", "released_at")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        for name, help_text in HELP.items():
            if name in form.base_fields:
                form.base_fields[name].help_text = help_text
        return form

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        hold = context["original"]
        context["may_release"] = hold is not None and hold.released_at is None and self.has_release_permission(request)
        return super().render_change_form(request, context, **options)

    @admin.display(description="covers")
    def covers(self, hold: LegalHold) -> str:
        return str(hold)

    @display(  # type: ignore[untyped-decorator]
        description="state", label={"holds": "success", "released": "info"}
    )
    def state(self, hold: LegalHold) -> str:
        return "holds" if hold.released_at is None else "released"

    def create(self, form: Any, actor: Actor) -> LegalHold:
        given = form.cleaned_data
        return place_hold(given["reason"], project=given["project"], user_email=given["user_email"], actor=actor)

    def has_release_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, Permission.SETTINGS_WRITE, None, everywhere=True)

    @admin.action(description="Release the selected holds", permissions=["release"])
    def release(self, request: HttpRequest, chosen: QuerySet[LegalHold]) -> None:
        with transaction.atomic():
            for hold in chosen:
                release_hold(hold.public_id, actor=actor_of(request))
        messages.success(request, "Released. The policy reaches these entries again.")
