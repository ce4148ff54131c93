"""The projects that a face names by slug. Their room is above this one, so they are found through the mapping."""

from __future__ import annotations

from typing import Any

from accounts.group_roles.models import GroupRole
from rbac.permissions import Permission
from temps.lib.actor import Actor
from temps.lib.errors import Invalid, NotFound


def place(project: str, environment: str, *, actor: Actor) -> dict[str, Any]:
    """The arguments ``project`` and ``environment`` of the services, for these slugs. Raises :class:`NotFound`."""
    if not project:
        if environment:
            raise Invalid("an environment needs its project", field="environment")
        return {"project": None, "environment": None}
    projects: Any = GroupRole._meta.get_field("project").related_model
    found = projects.objects.visible_to(actor, Permission.PROJECTS_READ).filter(slug=project).first()
    if found is None:
        raise NotFound(f"there is no project '{project}'")
    inner = found.environments.filter(slug=environment).first() if environment else None
    if environment and inner is None:
        raise NotFound(f"{found} has no environment '{environment}'")
    return {"project": found, "environment": inner}
