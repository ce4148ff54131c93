"""Who has which role where, in the console."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget

from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.models import Grant
from rbac.permissions import Permission, PlatformRole, ProjectRole
from rbac.services import assign_role, remove_role, visible_grants
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Invalid

ROLES = dict.fromkeys([*(role.value for role in PlatformRole), *(role.value for role in ProjectRole)])


class GrantForm(forms.ModelForm):  # type: ignore[type-arg]
    # By address and not by a list: whoever runs one project is not shown everybody there is.
    email = forms.EmailField(
        label="User", help_text="The email address of the account.", widget=UnfoldAdminEmailInputWidget
    )
    role = forms.ChoiceField(
        choices=[("", "choose a role"), *((role, role) for role in ROLES)],
        widget=UnfoldAdminSelectWidget,
        help_text=f"On the platform: {', '.join(PlatformRole)}. On a project: {', '.join(ProjectRole)}.",
    )

    class Meta:
        model = Grant
        fields = ("project", "environment")


@admin.register(Grant)
class GrantAdmin(ServiceAdmin):
    removal = ("Remove", "What it allows ends with the next request.")
    step_up = frozenset({"add", "delete"})
    permission_to_view = Permission.ROLES_READ
    permission_to_add = Permission.ROLES_CREATE
    permission_to_delete = Permission.ROLES_DELETE
    form = GrantForm
    list_display = ("user", "role", "scope", "given_by", "created_at", "lasts")
    list_filter = ("role", "source")
    search_fields = ("user__email", "project__slug")
    ordering = ("user__email", "id")

    @admin.display(description="given by")
    def given_by(self, grant: Grant) -> str:
        return f"a group of {grant.source}" if grant.source else grant.created_by

    @admin.display(description="lasts")
    def lasts(self, grant: Grant) -> str:
        if grant.ends_at is None:
            return "until it is taken"
        return f"{'until' if grant.ends_at > clock.now() else 'ended'} {grant.ends_at:%Y-%m-%d %H:%M} UTC"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        return visible_grants(actor_of(request)).order_by(*self.ordering)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return "email", "role", "project", "environment"
        return "user", "role", "scope", "given_by", "created_at", "lasts"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        options["queryset"] = _offered(db_field.name, db_field.remote_field.model, actor_of(request))
        field = super().formfield_for_foreignkey(db_field, request, **options)
        if db_field.name == "environment":
            field.label_from_instance = lambda environment: f"{environment.project}/{environment}"
            field.empty_label = "all environments of the project"
        else:
            field.empty_label = "none: a role on the platform"
        return field

    def create(self, form: Any, actor: Actor) -> Grant:
        given = form.cleaned_data
        user = get_user_model().objects.filter(email=given["email"].strip().lower()).first()
        if user is None:
            raise Invalid("there is no account with this address", field="email")
        environment = given["environment"]
        project = given["project"] or (environment.project if environment else None)
        return assign_role(user, given["role"], project=project, environment=environment, actor=actor)

    def remove(self, obj: Any, actor: Actor) -> None:
        remove_role(obj, actor=actor)


def _offered(name: str, model: Any, actor: Actor) -> QuerySet[Any]:
    """The projects in which ``actor`` may give roles, or the environments of those."""
    if name == "project":
        return model.objects.visible_to(actor, Permission.ROLES_CREATE)  # type: ignore[no-any-return]
    projects = model._meta.get_field("project").remote_field.model.objects
    return model.objects.filter(  # type: ignore[no-any-return]
        project__in=projects.visible_to(actor, Permission.ROLES_CREATE)
    ).select_related("project")
