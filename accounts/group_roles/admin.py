"""Which group gives which role, in the console."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.group_roles.models import GroupRole
from accounts.group_roles.services import remove_group_role, set_group_role
from accounts.group_roles.sources import all_sources
from rbac.admin import ROLES
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission, PlatformRole, ProjectRole
from temps.lib.actor import Actor


def _sources() -> list[tuple[str, str]]:
    known = all_sources()
    first = "choose a source" if known else "there is none: add a directory or an identity provider first"
    return [("", first), *((source, source) for source in known)]


class GroupRoleForm(forms.ModelForm):  # type: ignore[type-arg]
    source = forms.ChoiceField(
        choices=_sources,
        widget=UnfoldAdminSelectWidget,
        help_text="Who says who is in the group: a directory or an identity provider, as they are called here.",
    )
    role = forms.ChoiceField(
        choices=[("", "choose a role"), *((role, role) for role in ROLES)],
        widget=UnfoldAdminSelectWidget,
        help_text=f"On the platform: {', '.join(PlatformRole)}. On a project: {', '.join(ProjectRole)}.",
    )

    class Meta:
        model = GroupRole
        fields = ("source", "group", "project", "environment")
        widgets = {
            "group": UnfoldAdminTextInputWidget(attrs={"spellcheck": "false"}),
        }
        help_texts = {
            "group": "Of a directory the distinguished name (cn=admins,ou=groups,dc=example,dc=com), of a provider the "
            "group as it names it.",
        }


@admin.register(GroupRole)
class GroupRoleAdmin(ServiceAdmin):
    removal = ("Remove", "Whoever has the role by no other group of this source loses it at once.")
    step_up = frozenset({"add", "delete"})
    permission_to_view = Permission.ROLES_READ
    permission_to_add = Permission.ROLES_CREATE
    permission_to_delete = Permission.ROLES_DELETE
    form = GroupRoleForm
    list_display = ("group", "source", "role", "scope", "created_by", "created_at")
    list_filter = ("source", "role")
    search_fields = ("group", "project__slug")
    empty_hint = "A group of a directory, or of an identity provider, gives its members a role when they sign in."

    def get_queryset(self, request: HttpRequest) -> QuerySet[GroupRole]:
        return super().get_queryset(request).select_related("project", "environment")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return "source", "group", "role", "project", "environment"
        return "source", "group", "role", "scope", "created_by", "created_at"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        options["queryset"] = _offered(db_field, actor_of(request))
        field = super().formfield_for_foreignkey(db_field, request, **options)
        if db_field.name == "environment":
            field.label_from_instance = lambda environment: f"{environment.project}/{environment}"
            field.empty_label = "all environments of the project"
        else:
            field.empty_label = "none: a role on the platform"
        return field

    def create(self, form: Any, actor: Actor) -> GroupRole:
        given = form.cleaned_data
        environment = given["environment"]
        project = given["project"] or (environment.project if environment else None)
        return set_group_role(
            given["source"], given["group"], given["role"], project=project, environment=environment, actor=actor
        )

    def remove(self, obj: Any, actor: Actor) -> None:
        remove_group_role(obj, actor=actor)


def _offered(field: Any, actor: Actor) -> QuerySet[Any]:
    """The projects in which ``actor`` may give roles, or the environments of those."""
    model = field.related_model
    if field.name == "project":
        return model.objects.visible_to(actor, Permission.ROLES_CREATE)  # type: ignore[no-any-return]
    projects = model._meta.get_field("project").related_model.objects
    visible = projects.visible_to(actor, Permission.ROLES_CREATE)
    return model.objects.filter(project__in=visible).select_related("project")  # type: ignore[no-any-return]
