"""Which group gives which role, and giving them: a group left is a role lost at the next sign-in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.group_roles.models import GroupRole
from accounts.group_roles.names import clean_group, clean_source
from accounts.group_roles.sources import hold_source
from accounts.models import User
from audit.actions import Action
from audit.services import record
from rbac.models import Grant
from rbac.permissions import Permission
from rbac.services import known_role, permissions_of_role, require, require_all_of
from rbac.sourced import Scope, set_sourced_roles, take_sourced_role
from rbac.step_up import require_recent
from temps.lib.actor import Actor
from temps.lib.errors import Invalid, NotFound

if TYPE_CHECKING:
    from projects.models import Environment, Project

WORKER = "accounts.group_roles"
"""The background actor that gives what groups give."""


def groups_speak(visitor: Actor) -> Actor:
    """The actor of :func:`apply_groups`, coming from where ``visitor`` does: what gives the role is the group, and not
    whoever signs in."""
    return replace(
        Actor.system(WORKER),
        address=visitor.address,
        user_agent=visitor.user_agent,
        request_id=visitor.request_id or Actor.system(WORKER).request_id,
    )


def apply_groups(
    user: User, *, source: str, groups: Iterable[str], actor: Actor, ends_at: datetime | None = None
) -> None:
    """Give ``user`` the roles of the ``groups`` that they are in now, and take those of the groups they left.
    ``ends_at`` is when these roles end unless they are given again, for a source that does not tell who left.

    Of several roles in one scope the one with the most permissions is given. A role that a person gave, or another
    source, stays as it is. ``actor`` is :func:`groups_speak`'s, or another that holds what is given and taken.
    """
    known = _clean_groups(source, groups)
    wanted: dict[Scope, str] = {}
    rows = GroupRole.objects.filter(source=source).select_related("project", "environment")
    for row in rows:
        scope = Scope(row.project, row.environment)
        if row.group in known and _rank(row.role, scope) > _rank(wanted.get(scope, ""), scope):
            wanted[scope] = row.role
    set_sourced_roles(user, wanted, source=source, actor=actor, ends_at=ends_at)


def group_role_by_id(public_id: str, *, actor: Actor) -> GroupRole:
    """The mapping, if ``actor`` may see it. Raises :class:`NotFound`."""
    rows = GroupRole.objects.visible_to(actor).select_related("project", "environment")
    found = rows.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(f"there is no group role '{public_id}'")
    return found


@transaction.atomic
def set_group_role(
    source: str,
    group: str,
    role: str,
    *,
    actor: Actor,
    project: Project | None = None,
    environment: Environment | None = None,
) -> GroupRole:
    """Let ``group`` of ``source``, which is there, give ``role`` there, in place of the one that it gave. People get it
    when they next sign in. Nobody maps, or replaces, more than they hold themselves (R-07)."""
    require(actor, Permission.ROLES_CREATE, project)
    require_recent(actor)
    source = clean_source(source)
    group = clean_group(source, group)
    known_role(role, on_project=project is not None)
    if environment is not None and (project is None or environment.project_id != project.pk):
        raise Invalid("the environment belongs to another project", field="environment")
    require_all_of(role, project, actor)
    hold_source(source)
    where: dict[str, Any] = {"source": source, "group": group, "project": project, "environment": environment}
    before = GroupRole.objects.select_for_update(of=("self",)).filter(**where).first()
    if before is not None and before.role != role:
        require_all_of(before.role, project, actor)
    made, _created = GroupRole.objects.update_or_create(**where, defaults={"role": role, "created_by": actor.label})
    _record(Action.GROUP_ROLE_SET, made, f"{group} of {source} gives {role} on {made.scope}", before, actor)
    _take_unmapped(made, actor)
    return made


@transaction.atomic
def remove_group_role(mapping: GroupRole, *, actor: Actor) -> None:
    """Let a group give that role no longer. Whoever has it by no other group of the source loses it at once; raises
    :class:`Conflict` where that were the last administrator or owner."""
    require(actor, Permission.ROLES_DELETE, mapping.project)
    require_recent(actor)
    rows = GroupRole.objects.select_for_update(of=("self",)).select_related("project", "environment")
    current = rows.filter(pk=mapping.pk).first()
    if current is None:
        raise NotFound("this group role is gone already")
    require_all_of(current.role, current.project, actor)
    text = f"{current.group} of {current.source} no longer gives {current.role} on {current.scope}"
    current.delete()
    _record(Action.GROUP_ROLE_REMOVE, current, text, None, actor)
    _take_unmapped(current, actor)


@transaction.atomic
def forget_source(source: str, *, actor: Actor) -> None:
    """Remove all that groups of ``source`` give, for a source that is removed. Raises as :func:`remove_group_role`."""
    rows = GroupRole.objects.filter(source=source).select_related("project", "environment")
    for mapping in rows:
        remove_group_role(mapping, actor=actor)


def _clean_groups(source: str, groups: Iterable[str]) -> set[str]:
    """``groups`` as they are compared, without those that no mapping could name."""
    known = set()
    for group in groups:
        try:
            known.add(clean_group(source, group))
        except Invalid:
            continue
    return known


def _rank(role: str, scope: Scope) -> int:
    """How much ``role`` permits there; -1 for none."""
    return len(permissions_of_role(role, on_project=scope.project is not None)) if role else -1


def _take_unmapped(changed: GroupRole, actor: Actor) -> None:
    """Take what the source gave in this scope and no group of it gives any more."""
    scope = {"source": changed.source, "project": changed.project, "environment": changed.environment}
    left = GroupRole.objects.filter(**scope).values_list("role", flat=True)
    for grant in Grant.objects.filter(**scope).exclude(role__in=list(left)).select_related("project").order_by("pk"):
        take_sourced_role(grant, actor=actor)


def _record(action: Action, mapping: GroupRole, text: str, before: GroupRole | None, actor: Actor) -> None:
    record(
        actor,
        action,
        mapping,
        text,
        project=str(mapping.project) if mapping.project else "",
        metadata={
            "source": mapping.source,
            "group": mapping.group,
            "role": mapping.role,
            "scope": mapping.scope,
            "before": before.role if before else None,
        },
    )
