"""Changing variables: set, unset, import. Each change adds a version; nothing is overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from audit.actions import Action
from audit.services import record
from projects.models import Environment, Project
from rbac.permissions import Permission
from secrets_vault.models import Kind, Variable, VariableVersion
from secrets_vault.places import not_set, require_in
from secrets_vault.sealing import seal
from secrets_vault.values import clean_key, clean_reason, clean_value
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid

MAX_IMPORT = 1000
"""Variables in one file: each is a few rows, and all of them are one transaction that others wait for."""


@dataclass(frozen=True, slots=True)
class Written:
    """The version that a change made, and whether there was no value before it."""

    version: VariableVersion
    is_new: bool


@transaction.atomic
def set_variable(
    project: Project,
    key: str,
    value: str,
    *,
    actor: Actor,
    environment: Environment | None = None,
    encrypted: bool | None = None,
    reason: str = "",
    replace: bool = True,
) -> Written:
    """Give ``key`` a value in ``environment``, or in the base of the project.

    ``encrypted`` left out keeps a secret a secret: what was one here, even before it was unset, or is one elsewhere in
    the project, is sealed. Only ``False`` makes it plain. With ``replace=False`` a key that has a value is a
    :class:`Conflict`.
    """
    require_in(actor, Permission.SECRETS_WRITE, project, environment)
    clean_value(value, key=clean_key(key))
    reason = clean_reason(reason)
    variable = _locked(project, environment, key)
    is_new = not _is_set(variable)
    if not replace and not is_new:
        raise Conflict(f"there is {variable} already", field="key")
    return Written(_write(variable, value, encrypted, reason, is_new=is_new, actor=actor), is_new)


@transaction.atomic
def import_variables(
    project: Project,
    values: Mapping[str, str],
    *,
    actor: Actor,
    environment: Environment | None = None,
    encrypted: bool | None = None,
    reason: str = "",
) -> list[Written]:
    """Set all of ``values`` as :func:`set_variable` does or, if one of them cannot be, none."""
    require_in(actor, Permission.SECRETS_WRITE, project, environment)
    if not values:
        raise Invalid("there is no variable to import")
    if len(values) > MAX_IMPORT:
        raise Invalid(f"{len(values)} variables are more than the {MAX_IMPORT} that one import takes")
    for key, value in values.items():
        clean_value(value, key=clean_key(key))
    reason = clean_reason(reason)
    written = []
    for key in sorted(values):  # in one order, so that of two imports at once one waits and neither blocks the other
        variable = _locked(project, environment, key)
        is_new = not _is_set(variable)
        version = _write(variable, values[key], encrypted, reason, is_new=is_new, actor=actor)
        written.append(Written(version, is_new))
    return written


@transaction.atomic
def unset_variable(
    project: Project, key: str, *, actor: Actor, environment: Environment | None = None, reason: str = ""
) -> VariableVersion:
    """Delete the value of ``key`` there; in an environment, the base's holds again. Its history stays."""
    require_in(actor, Permission.SECRETS_DELETE, project, environment)
    reason = clean_reason(reason)
    rows = Variable.objects.select_for_update()
    variable = rows.filter(project=project, environment=environment, key=key).first()
    if variable is None or not _is_set(variable):
        raise not_set(project, environment, key)
    variable.project, variable.environment = project, environment
    version = _next_version(variable, Kind.UNSET)
    _append(version, reason, actor=actor)
    _record(actor, Action.SECRET_DELETE, version, "unset")
    return version


def _locked(project: Project, environment: Environment | None, key: str) -> Variable:
    """The row of ``key`` in that place, made if need be, and locked so that versions are numbered one by one."""
    secret_elsewhere = Variable.objects.filter(project=project, key=key, is_secret=True)
    variable, _made = Variable.objects.select_for_update().get_or_create(
        project=project,
        environment=environment,
        key=key,
        defaults={"is_secret": secret_elsewhere.exists},  # type: ignore[misc]  # called when a row is made
    )
    variable.project, variable.environment = project, environment
    return variable


def _is_set(variable: Variable) -> bool:
    return Variable.objects.filter(pk=variable.pk).that_are_set().exists()


def _write(
    variable: Variable, value: str, encrypted: bool | None, reason: str, *, is_new: bool, actor: Actor
) -> VariableVersion:
    if encrypted is not None:
        variable.is_secret = encrypted
    version = _next_version(variable, Kind.SECRET if variable.is_secret else Kind.PLAIN)
    if variable.is_secret:
        version.sealed = seal(value, project_pk=variable.project_id, context=version.context)
    else:
        version.plain = value
    _append(version, reason, actor=actor)
    _record(actor, Action.SECRET_CREATE if is_new else Action.SECRET_UPDATE, version, "set")
    return version


def _next_version(variable: Variable, kind: Kind) -> VariableVersion:
    return VariableVersion(variable=variable, number=variable.version + 1, kind=kind)


def _append(version: VariableVersion, reason: str, *, actor: Actor) -> None:
    version.created_by, version.reason = actor.label or actor.id, reason
    version.save(force_insert=True)
    version.variable.version = version.number
    version.variable.save(update_fields=["version", "is_secret"])


def _record(actor: Actor, action: Action, version: VariableVersion, verb: str) -> None:
    variable = version.variable
    record(
        actor,
        action,
        variable,
        f"{verb} {variable}",
        project=variable.project.slug,
        metadata={
            "key": variable.key,
            "environment": variable.environment.slug if variable.environment else None,
            "version": version.number,
            "encrypted": variable.is_secret,
        },
    )
