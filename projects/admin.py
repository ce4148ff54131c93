from __future__ import annotations

from typing import Any

from django.contrib import admin

from projects.models import Project
from projects.services import create_project, delete_project, update_project
from rbac.console import ServiceAdmin
from rbac.permissions import Permission
from temps.lib.actor import Actor


@admin.register(Project)
class ProjectAdmin(ServiceAdmin):
    step_up = frozenset({"delete"})
    permission_to_view = Permission.PROJECTS_READ
    permission_to_add = Permission.PROJECTS_CREATE
    permission_to_change = Permission.PROJECTS_UPDATE
    permission_to_delete = Permission.PROJECTS_DELETE
    list_display = ("slug", "name", "environment_list", "created_at")
    search_fields = ("slug", "name")
    fields = ("name", "slug", "description")

    @admin.display(description="environments")
    def environment_list(self, project: Project) -> str:
        return ", ".join(environment.slug for environment in project.environments.all())

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("environments")

    def get_readonly_fields(self, request: Any, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("slug",)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if db_field.name == "slug":
            field.required = False
            field.help_text = "What commands and addresses call it, for good; made from the name if left out."
        return field

    def project_of(self, obj: Any) -> Any:
        return obj

    def create(self, form: Any, actor: Actor) -> Project:
        given = form.cleaned_data
        return create_project(
            given["name"], slug=given.get("slug") or None, description=given["description"], actor=actor
        )

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        given = form.cleaned_data
        update_project(obj, name=given["name"], description=given["description"], actor=actor)

    def remove(self, obj: Any, actor: Actor) -> None:
        delete_project(obj, actor=actor)
