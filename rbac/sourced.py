"""Roles that a source gives, and takes: the groups of a directory, or what an identity provider claims.

Each grant bears the name of its source. A source touches its own grants alone: where a person gave a role, or another
source did, that one stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from rbac.models import Grant
from rbac.permissions import Permission
from rbac.services import known_role, lock_scope, refuse_last_of, require, require_all_of
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict

if TYPE_CHECKING:
    from accounts.models import User
    from projects.models import Environment, Project


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a role holds; without a project, on the platform."""

    project: Project | None = None
    environment: Environment | None = None

    @property
    def slug(self) -> str:
        return str(self.project) if self.project is not None else ""


@transaction.atomic
def set_sourced_roles(
    user: User, wanted: Mapping[Scope, str], *, source: str, actor: Actor, ends_at: datetime | None = None
) -> None:
    """Make what ``source`` gives to ``user`` just ``wanted``: one role a scope, until ``ends_at``. One entry a change;
    that a role goes on is none.

    The last administrator and the last owner keep their role, and the refusal is recorded. Raises
    :class:`~temps.lib.errors.Denied` where ``actor`` does not hold what is given or taken (R-07).
    """
    if not source:
        raise ValueError("a grant without a source is a person's")
    present = _grants_of(user)
    scopes = [*present, *(scope for scope in wanted if scope not in present)]
    for scope in sorted(scopes, key=_order):  # in one order, so that the locks of two such changes do not cross
        grant, role = present.get(scope), wanted.get(scope)
        if grant is not None and grant.source != source and not _has_ended(grant):
            continue
        if role is None and grant is not None:
            _take(grant, scope, source, actor)
        elif role is not None and grant is not None and grant.role == role and not _has_ended(grant):
            _go_on(grant, ends_at)
        elif role is not None:
            _give(user, role, scope, source, ends_at, actor)


@transaction.atomic
def take_sourced_role(grant: Grant, *, actor: Actor) -> None:
    """Take one such role, because nothing gives it any more. Raises :class:`Conflict` for the last in charge."""
    require(actor, Permission.ROLES_DELETE, grant.project)
    lock_scope(grant.project)
    current = Grant.objects.select_related("user", "project", "environment").filter(pk=grant.pk).first()
    if current is None or not current.source:
        return  # taken, or become a person's, meanwhile
    require_all_of(current.role, current.project, actor)
    refuse_last_of(current)
    _remove(current, Scope(current.project, current.environment), current.source, actor)


def _grants_of(user: User) -> dict[Scope, Grant]:
    rows = Grant.objects.filter(user=user).select_related("user", "project", "environment")
    return {Scope(grant.project, grant.environment): grant for grant in rows}


def _order(scope: Scope) -> tuple[int, int]:
    return (scope.project.pk if scope.project else 0, scope.environment.pk if scope.environment else 0)


def _has_ended(grant: Grant) -> bool:
    return grant.ends_at is not None and grant.ends_at <= clock.now()


def _go_on(grant: Grant, ends_at: datetime | None) -> None:
    """Let it last until ``ends_at`` from now on; whoever alone is in charge stays so without an end."""
    lock_scope(grant.project)
    if grant.ends_at is None and ends_at is not None and _last_in_charge(grant):
        return
    Grant.objects.filter(pk=grant.pk, source=grant.source).update(ends_at=ends_at)


def _give(user: User, role: str, scope: Scope, source: str, ends_at: datetime | None, actor: Actor) -> None:
    require(actor, Permission.ROLES_CREATE, scope.project)
    known_role(role, on_project=scope.project is not None)
    require_all_of(role, scope.project, actor)
    lock_scope(scope.project)
    before = _locked(user, scope)
    if before is not None and before.source != source and not _has_ended(before):
        return  # a person gave another one meanwhile
    if before is not None:
        require_all_of(before.role, scope.project, actor)
        if _is_last(before, source, actor):
            return
    grant, _created = Grant.objects.update_or_create(
        user=user,
        project=scope.project,
        environment=scope.environment,
        defaults={"role": role, "created_by": actor.label, "source": source, "ends_at": ends_at},
    )
    record(
        actor,
        Action.ROLE_ASSIGN,
        user,
        f"a group of {source} gave {user} the role {role} on {grant.scope}",
        project=scope.slug,
        metadata={
            "role": role,
            "scope": grant.scope,
            "before": before.role if before and not _has_ended(before) else None,
            "source": source,
            "until": None if ends_at is None else ends_at.isoformat(timespec="seconds"),
        },
    )


def _take(grant: Grant, scope: Scope, source: str, actor: Actor) -> None:
    require(actor, Permission.ROLES_DELETE, scope.project)
    lock_scope(scope.project)
    current = _locked(grant.user, scope)
    if current is None or current.source != source:
        return
    require_all_of(current.role, scope.project, actor)
    if not _is_last(current, source, actor):
        _remove(current, scope, source, actor)


def _locked(user: User, scope: Scope) -> Grant | None:
    rows = Grant.objects.select_for_update(of=("self",)).select_related("user", "project", "environment")
    return rows.filter(user=user, project=scope.project, environment=scope.environment).first()


def _is_last(grant: Grant, source: str, actor: Actor) -> bool:
    """Whether ``grant`` has to stay, which is recorded: a sign-in must not fail of it, nor pass in silence."""
    reason = _last_in_charge(grant)
    if reason:
        record_folded(
            actor,
            Action.ROLE_REMOVE,
            ("user", grant.user.public_id),
            f"left {grant.user} the role {grant.role} on {grant.scope}, which no group of {source} gives any more",
            project=str(grant.project) if grant.project else "",
            metadata={"role": grant.role, "scope": grant.scope, "source": source, "reason": reason},
            result=Result.FAILURE,
        )
    return bool(reason)


def _last_in_charge(grant: Grant) -> str:
    """Why ``grant`` has to stay, if it does."""
    try:
        refuse_last_of(grant)
    except Conflict as error:
        return error.message
    return ""


def _remove(grant: Grant, scope: Scope, source: str, actor: Actor) -> None:
    user, role, where = grant.user, grant.role, grant.scope
    grant.delete()
    record(
        actor,
        Action.ROLE_REMOVE,
        user,
        f"took the role {role} on {where} from {user}, which a group of {source} had given",
        project=scope.slug,
        metadata={"role": role, "scope": where, "source": source},
    )
    actor.memo.pop("rbac", None)
