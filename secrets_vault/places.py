"""Where variables are: an environment of a project, or its base, which holds in all of its environments."""

from __future__ import annotations

from projects.models import Environment, Project
from projects.services import environment_by_slug
from rbac.permissions import Permission
from rbac.services import require
from secrets_vault.values import clean_key
from temps.lib.actor import Actor
from temps.lib.errors import Invalid, NotFound


def place(
    slug: str, environment: str | None, *, actor: Actor, permission: Permission
) -> tuple[Project, Environment | None]:
    """The project and the environment (None: the base) with these slugs, for someone who holds ``permission`` there.

    The project is found by whoever sees it or holds ``permission`` somewhere in it: an API key with one narrow scope
    needs no second one. Raises :class:`NotFound` for what does not exist or is not seen, and
    :class:`~temps.lib.errors.Denied` before a face looks at anything else that was sent.
    """
    seen = Project.objects.visible_to(actor) | Project.objects.visible_to(actor, permission)
    project = seen.filter(slug=slug).first()
    if project is None:
        raise NotFound(f"there is no project '{slug}'")
    found = environment_by_slug(project, environment)
    require_in(actor, permission, project, found)
    return project, found


def require_in(actor: Actor, permission: Permission, project: Project, environment: Environment | None) -> None:
    """Raise :class:`~temps.lib.errors.Denied` unless ``actor`` holds ``permission`` in that place."""
    if environment is not None and environment.project_id != project.pk:
        raise Invalid("the environment belongs to another project", field="environment")
    require(actor, permission, project, environment)


def named(project: Project, environment: Environment | None) -> str:
    """The place as people read it."""
    return f"{project}/{environment}" if environment else str(project)


def not_set(project: Project, environment: Environment | None, key: str) -> NotFound:
    """The error for a variable that does not exist there. What is no key may be a misplaced value: not repeated."""
    clean_key(key)
    return NotFound(f"{key} is not set in {named(project, environment)}")
