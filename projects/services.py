"""What is protected: projects and their environments."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from audit.actions import Action
from audit.services import record
from projects.models import Environment, Project, check_slug
from rbac.permissions import Permission
from rbac.services import grant_ownership, require
from rbac.step_up import require_recent
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound

DEFAULT_ENVIRONMENTS = ("production", "staging", "development")


def clean_slug(slug: str, *, field: str = "slug") -> str:
    try:
        check_slug(slug)
    except ValidationError as error:
        raise Invalid(f"'{slug}' cannot be a {field}: {error.messages[0]}", field=field) from None
    return slug


def project_by_slug(slug: str, *, actor: Actor, permission: Permission = Permission.PROJECTS_READ) -> Project:
    """The project, if ``actor`` holds ``permission`` in it. Raises :class:`NotFound` when not: invisible is absent."""
    project = Project.objects.visible_to(actor, permission).filter(slug=slug).first()
    if project is None:
        raise NotFound(f"there is no project '{slug}'")
    return project


def environment_by_slug(project: Project, slug: str | None) -> Environment | None:
    """The environment, or None for the base of the project (an empty or missing slug)."""
    if not slug:
        return None
    environment = project.environments.filter(slug=slug).first()
    if environment is None:
        known = ", ".join(project.environments.values_list("slug", flat=True)) or "none"
        raise NotFound(f"{project} has no environment '{slug}' (it has: {known})")
    return environment


@transaction.atomic
def create_project(
    name: str,
    *,
    actor: Actor,
    slug: str | None = None,
    description: str = "",
    environments: Iterable[str] = DEFAULT_ENVIRONMENTS,
) -> Project:
    """Make a project with its environments. A user who makes one owns it."""
    require(actor, Permission.PROJECTS_CREATE)
    name = name.strip()
    if not name or len(name) > 120:
        raise Invalid("a project needs a name of 1 to 120 characters", field="name")
    project = Project(name=name, slug=clean_slug(slug or slugify(name)), description=description.strip()[:500])
    if Project.objects.filter(slug=project.slug).exists():
        raise Conflict(f"there is a project '{project.slug}' already", field="slug")
    project.save()
    labels = [clean_slug(label, field="environment") for label in dict.fromkeys(environments)]
    Environment.objects.bulk_create(Environment(project=project, slug=label) for label in labels)
    if actor.user_pk is not None:
        grant_ownership(actor.user_pk, project, actor=actor)
    record(
        actor,
        Action.PROJECT_CREATE,
        project,
        f"created the project {project}",
        project=project.slug,
        metadata={"environments": labels},
    )
    return project


@transaction.atomic
def update_project(
    project: Project, *, actor: Actor, name: str | None = None, description: str | None = None
) -> Project:
    """Change what people read. The slug stays: URLs, commands and history name it."""
    require(actor, Permission.PROJECTS_UPDATE, project)
    before = {"name": project.name, "description": project.description}
    if name is not None:
        if not name.strip() or len(name.strip()) > 120:
            raise Invalid("a project needs a name of 1 to 120 characters", field="name")
        project.name = name.strip()
    if description is not None:
        if len(description.strip()) > 500:
            raise Invalid("a description has at most 500 characters", field="description")
        project.description = description.strip()
    project.save(update_fields=["name", "description"])
    record(
        actor,
        Action.PROJECT_UPDATE,
        project,
        f"changed the project {project}",
        project=project.slug,
        metadata={"before": before, "after": {"name": project.name, "description": project.description}},
    )
    return project


@transaction.atomic
def delete_project(project: Project, *, actor: Actor) -> None:
    """Remove a project with everything in it. Its history in the audit log stays."""
    require(actor, Permission.PROJECTS_DELETE, project)
    require_recent(actor)
    project.delete()
    record(actor, Action.PROJECT_DELETE, project, f"deleted the project {project}", project=project.slug)
    actor.memo.pop("rbac", None)
