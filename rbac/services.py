"""May this actor do this here? One answer, asked by every service through :func:`require`.

An actor's grants are read once and kept on the actor. A scope of an API key narrows them; it never widens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from audit.actions import Action
from audit.services import record
from rbac.models import Grant
from rbac.permissions import (
    BACKGROUND,
    EVERYTHING,
    PLATFORM_ROLES,
    PROJECT_ROLES,
    REFUSED_TO,
    Permission,
    PlatformRole,
    ProjectRole,
)
from rbac.step_up import require_recent
from temps.lib.actor import Actor, ActorKind
from temps.lib.errors import Conflict, Denied, Invalid, NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User
    from projects.models import Environment, Project

NOTHING: frozenset[Permission] = frozenset()


@dataclass(frozen=True, slots=True)
class Holding:
    """What an actor holds, by scope. ``None`` as a project is the platform."""

    platform: frozenset[Permission]
    projects: dict[int, frozenset[Permission]]
    environments: dict[int, frozenset[Permission]]
    projects_of_environments: dict[int, frozenset[Permission]]
    """For each project, what is held in at least one of its environments: enough to see that the project exists."""


def _load(actor: Actor) -> Holding:
    if actor.kind is ActorKind.OPERATOR:
        return Holding(EVERYTHING, {}, {}, {})
    if actor.kind is ActorKind.SYSTEM:
        return Holding(BACKGROUND.get(actor.id, NOTHING), {}, {}, {})
    if actor.user_pk is None:
        return Holding(NOTHING, {}, {}, {})
    narrowing = _narrowing(actor)
    platform: frozenset[Permission] = NOTHING
    projects: dict[int, frozenset[Permission]] = {}
    environments: dict[int, frozenset[Permission]] = {}
    seen_through: dict[int, frozenset[Permission]] = {}
    grants = Grant.objects.in_force().filter(user_id=actor.user_pk, user__is_active=True)
    rows: Iterable[tuple[str, int | None, int | None]] = grants.values_list("role", "project_id", "environment_id")
    for role, project_id, environment_id in rows:
        permissions = permissions_of_role(role, on_project=project_id is not None) & narrowing
        if project_id is None:
            platform |= permissions
        elif environment_id is None:
            projects[project_id] = projects.get(project_id, NOTHING) | permissions
        else:
            environments[environment_id] = environments.get(environment_id, NOTHING) | permissions
            seen_through[project_id] = seen_through.get(project_id, NOTHING) | permissions
    return Holding(platform, projects, environments, seen_through)


def _narrowing(actor: Actor) -> frozenset[Permission]:
    scopes = actor.credential.scopes
    usable = EVERYTHING - REFUSED_TO.get(actor.credential.kind, NOTHING)
    if scopes is None:
        return usable
    return frozenset(permission for permission in usable if permission.value in scopes)


def permissions_of_role(role: str, *, on_project: bool) -> frozenset[Permission]:
    """The permissions of a role. A name that the page does not know gives none."""
    try:
        return PROJECT_ROLES[ProjectRole(role)] if on_project else PLATFORM_ROLES[PlatformRole(role)]
    except ValueError:
        return NOTHING


def holding(actor: Actor) -> Holding:
    """What ``actor`` holds, read on first use."""
    held: Holding | None = actor.memo.get("rbac")
    if held is None:
        held = actor.memo["rbac"] = _load(actor)
    return held


def allowed(
    actor: Actor, permission: Permission, project: Project | None = None, environment: Environment | None = None
) -> bool:
    """Whether ``actor`` holds ``permission`` on the platform, or on this project, or in this environment of it."""
    if project is not None and environment is not None and environment.project_id != project.pk:
        return False  # a mix-up, or someone trying rights from elsewhere
    held = holding(actor)
    if permission in held.platform:
        return True
    if project is not None and permission in held.projects.get(project.pk, NOTHING):
        return True
    return environment is not None and permission in held.environments.get(environment.pk, NOTHING)


def allowed_anywhere(actor: Actor, permission: Permission) -> bool:
    """Whether there is any scope in which ``actor`` holds ``permission``: the coarse question a face asks first."""
    held = holding(actor)
    if permission in held.platform:
        return True
    return any(permission in some for part in (held.projects, held.environments) for some in part.values())


def require(
    actor: Actor, permission: Permission, project: Project | None = None, environment: Environment | None = None
) -> None:
    """Raise :class:`~temps.lib.errors.Denied` unless ``actor`` holds ``permission`` there."""
    if allowed(actor, permission, project, environment):
        return
    where = f" on {project}" if project is not None else ""
    where += f"/{environment}" if environment is not None else ""
    raise Denied(
        f"this needs the permission {permission}{where}",
        actor=actor,
        permission=permission.value,
        project=str(project) if project is not None else "",
        environment=str(environment) if environment is not None else "",
    )


def projects_with(actor: Actor, permission: Permission) -> frozenset[int] | None:
    """The keys of the projects where ``actor`` holds ``permission``, in some environment at least; None means all."""
    held = holding(actor)
    if permission in held.platform:
        return None
    return frozenset(
        project
        for part in (held.projects, held.projects_of_environments)
        for project, permissions in part.items()
        if permission in permissions
    )


def whole_projects_with(actor: Actor, permission: Permission) -> frozenset[int] | None:
    """As :func:`projects_with`, without the projects where it is held in single environments alone: for what belongs
    to a project as a whole, such as its history and its team."""
    held = holding(actor)
    if permission in held.platform:
        return None
    return frozenset(project for project, permissions in held.projects.items() if permission in permissions)


def visible_grants(actor: Actor) -> QuerySet[Grant]:
    """The grants of the scopes in which ``actor`` holds ``roles:read``."""
    keys = whole_projects_with(actor, Permission.ROLES_READ)
    rows = Grant.objects.select_related("user", "project", "environment")
    return rows if keys is None else rows.filter(project_id__in=keys)


@dataclass(frozen=True, slots=True)
class Explained:
    """One permission and the grant that gives it."""

    permission: Permission
    scope: str
    role: str


def permissions_of(user: User) -> list[Explained]:
    """Every permission of ``user`` with the reason, in the order of the catalogue; none for a disabled account."""
    if not user.is_active:
        return []
    grants = list(Grant.objects.in_force().filter(user=user).select_related("project", "environment"))
    return [
        Explained(permission, grant.scope, grant.role)
        for permission in Permission
        for grant in grants
        if permission in permissions_of_role(grant.role, on_project=grant.project is not None)
    ]


def known_role(role: str, *, on_project: bool) -> str:
    """``role`` itself, or :class:`Invalid` naming the roles that exist there."""
    roles: Iterable[str] = list(ProjectRole) if on_project else list(PlatformRole)
    if role in roles:
        return role
    where = "a project" if on_project else "the platform"
    raise Invalid(f"unknown role '{role}': the roles of {where} are {', '.join(roles)}", field="role")


@transaction.atomic
def assign_role(
    user: User, role: str, *, actor: Actor, project: Project | None = None, environment: Environment | None = None
) -> Grant:
    """Give ``user`` the role there, in place of the one they had in that very scope.

    Nobody grants, or replaces, more than they hold themselves (R-07), and the last administrator keeps the role.
    """
    require(actor, Permission.ROLES_CREATE, project)
    require_recent(actor)
    known_role(role, on_project=project is not None)
    if environment is not None and (project is None or environment.project_id != project.pk):
        raise Invalid("the environment belongs to another project", field="environment")
    require_all_of(role, project, actor)
    lock_scope(project)
    before = Grant.objects.filter(user=user, project=project, environment=environment).first()
    if before is not None and before.role != role:
        require_all_of(before.role, project, actor)
        refuse_last_of(before)
    # By a person now, so no group takes it away, and it does not end by itself.
    given = {"role": role, "created_by": actor.label, "source": "", "ends_at": None}
    grant, _created = Grant.objects.update_or_create(
        user=user, project=project, environment=environment, defaults=given
    )
    record(
        actor,
        Action.ROLE_ASSIGN,
        user,
        f"gave {user} the role {role} on {grant.scope}",
        project=str(project) if project else "",
        metadata={"role": role, "scope": grant.scope, "before": before.role if before else None},
    )
    actor.memo.pop("rbac", None)
    return grant


@transaction.atomic
def remove_role(grant: Grant, *, actor: Actor) -> None:
    """Take a grant away, by someone who holds as much. The last administrator and the last owner keep theirs."""
    require(actor, Permission.ROLES_DELETE, grant.project)
    require_recent(actor)
    lock_scope(grant.project)
    current = Grant.objects.select_related("user", "project", "environment").filter(pk=grant.pk).first()
    if current is None:
        raise NotFound("this grant is gone already")
    require_all_of(current.role, current.project, actor)
    refuse_last_of(current)
    scope, role, user, project = current.scope, current.role, current.user, current.project
    current.delete()
    record(
        actor,
        Action.ROLE_REMOVE,
        user,
        f"took the role {role} on {scope} from {user}",
        project=str(project) if project else "",
        metadata={"role": role, "scope": scope},
    )
    actor.memo.pop("rbac", None)


def grant_ownership(user_pk: int, project: Project, *, actor: Actor) -> None:
    """Make whoever created a project its owner: part of ``projects.services.create_project`` and of nothing else."""
    Grant.objects.create(user_id=user_pk, role=ProjectRole.OWNER.value, project=project, created_by=actor.label)
    actor.memo.pop("rbac", None)


def require_all_of(role: str, project: Project | None, actor: Actor) -> None:
    """Raise :class:`Denied` unless ``actor`` holds every permission of ``role`` there (R-07).

    Asked of the role that is given and of the one that is taken: who may manage roles but is no owner neither makes an
    owner nor unmakes one.
    """
    permissions = permissions_of_role(role, on_project=project is not None)
    missing = sorted(permission for permission in permissions if not allowed(actor, permission, project))
    if missing:
        raise Denied(
            f"nobody grants or takes away more than they hold: {role} includes {missing[0]}",
            actor=actor,
            permission=missing[0],
            project=str(project) if project is not None else "",
        )


def lock_scope(project: Project | None) -> None:
    """Lock the grants of the scope, lowest first, so that changes of roles there happen one after the other.

    Without it, two people who replace each other's roles at the same moment could both find someone left in charge.
    """
    list(Grant.objects.select_for_update().filter(project=project, environment=None).order_by("pk").values_list("pk"))


def refuse_last_of(grant: Grant) -> None:
    """Raise :class:`Conflict` when ``grant`` is what keeps the platform, or a project, from having nobody in charge."""
    if grant.environment_id is not None or grant.ends_at is not None:
        return  # who is in charge until a day is not who keeps it from having nobody
    top = PlatformRole.ADMIN.value if grant.project_id is None else ProjectRole.OWNER.value
    if grant.role != top:
        return
    # Locked, so that two people who remove each other at the same moment do not both succeed.
    holders = Grant.objects.select_for_update().filter(project=grant.project, environment=None, role=top, ends_at=None)
    others = [one for one in holders.select_related(None) if one.pk != grant.pk]
    active = Grant.objects.filter(pk__in=[one.pk for one in others], user__is_active=True, user__kind="person").exists()
    if not active:
        what = "administrator" if grant.project_id is None else f"owner of {grant.project}"
        raise Conflict(f"{grant.user} is the last {what}")
