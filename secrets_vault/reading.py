"""Reading variables: masked for whoever may know of them; in the clear, and recorded, for whoever may reveal them.

What holds in an environment is its own values and those of the base that it does not override. Whoever may reveal in an
environment may therefore reveal what it takes from the base: a value that they must not see belongs into the other
environments, not into the base.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from audit.actions import Action
from audit.services import record
from projects.models import Environment, Project
from rbac.permissions import Permission
from rbac.step_up import require_recent
from secrets_vault.models import Kind, Variable, VariableVersion, VersionQuerySet
from secrets_vault.places import named, not_set, require_in
from secrets_vault.sealing import open_sealed
from temps.lib.actor import Actor
from temps.lib.errors import SealError

KEYS_IN_AN_EVENT = 6000
"""Characters; the metadata of an event holds 8192 bytes. More keys make more events."""


@dataclass(frozen=True, slots=True)
class Revealed:
    """A current version, and its value in the clear."""

    version: VariableVersion
    value: str = field(repr=False)

    @property
    def key(self) -> str:
        return self.version.variable.key


def variables_in(project: Project, environment: Environment | None, *, actor: Actor) -> VersionQuerySet:
    """The current versions of what holds in ``environment``, by key: plain values readable, secrets sealed."""
    require_in(actor, Permission.SECRETS_READ, project, environment)
    return VariableVersion.objects.holding_in(project, environment).order_by("variable__key")


def variable_in(project: Project, environment: Environment | None, key: str, *, actor: Actor) -> Variable:
    """The variable of that very place, also one that was unset, for its history. Raises :class:`NotFound`."""
    require_in(actor, Permission.SECRETS_READ, project, environment)
    rows = Variable.objects.filter(project=project, environment=environment, key=key)
    variable = rows.select_related("project", "environment").first()
    if variable is None:
        raise not_set(project, environment, key)
    return variable


@transaction.atomic
def reveal(project: Project, environment: Environment | None, key: str, *, actor: Actor) -> Revealed:
    """What holds for ``key`` in ``environment``. A plain value needs ``secrets:read`` alone, and is not recorded."""
    version = variables_in(project, environment, actor=actor).filter(variable__key=key).first()
    if version is None:
        raise not_set(project, environment, key)
    return _reveal([version], project, environment, actor=actor)[0]


@transaction.atomic
def reveal_all(project: Project, environment: Environment | None, *, actor: Actor) -> list[Revealed]:
    """Everything that holds in ``environment``; every secret in it is recorded as revealed."""
    versions = list(variables_in(project, environment, actor=actor))
    return _reveal(versions, project, environment, actor=actor)


@transaction.atomic
def export(project: Project, environment: Environment | None, *, actor: Actor) -> dict[str, str]:
    """What holds in ``environment``, to be written to a file. Secrets among it need ``secrets:reveal``."""
    versions = list(variables_in(project, environment, actor=actor))
    if any(version.kind == Kind.SECRET for version in versions):
        require_in(actor, Permission.SECRETS_REVEAL, project, environment)
        require_recent(actor)
    return _handed_out(versions, Action.SECRET_EXPORT, "exported", project, environment, actor=actor)


@transaction.atomic
def resolve(project: Project, environment: Environment | None, *, actor: Actor) -> dict[str, str]:
    """What a process in ``environment`` is started with. One value that does not open fails all of it."""
    require_in(actor, Permission.SECRETS_REVEAL, project, environment)
    require_recent(actor)
    versions = list(VariableVersion.objects.holding_in(project, environment).order_by("variable__key"))
    return _handed_out(versions, Action.SECRET_USE, "handed out", project, environment, actor=actor)


def _reveal(
    versions: Sequence[VariableVersion], project: Project, environment: Environment | None, *, actor: Actor
) -> list[Revealed]:
    secrets = [version for version in versions if version.kind == Kind.SECRET]
    if secrets:
        require_in(actor, Permission.SECRETS_REVEAL, project, environment)
        require_recent(actor)
    revealed = [Revealed(version, _open(version)) for version in versions]
    for version in secrets:
        record(
            actor,
            Action.SECRET_REVEAL,
            version.variable,
            f"revealed {version.variable}",
            project=project.slug,
            metadata={
                "key": version.variable.key,
                "environment": environment.slug if environment else None,
                "version": version.number,
            },
        )
    return revealed


def _handed_out(
    versions: Sequence[VariableVersion],
    action: Action,
    verb: str,
    project: Project,
    environment: Environment | None,
    *,
    actor: Actor,
) -> dict[str, str]:
    values = {version.variable.key: _open(version) for version in versions}
    where = named(project, environment)
    for keys in _parts(values):
        record(
            actor,
            action,
            ("environment", where),
            f"{verb} {len(keys)} variables of {where}",
            project=project.slug,
            metadata={"keys": keys, "environment": environment.slug if environment else None},
        )
    return values


def _parts(keys: Iterable[str]) -> Iterator[list[str]]:
    """``keys`` in lists that an event can hold; one empty list of none, since asking is recorded all the same."""
    part: list[str] = []
    size = 0
    for key in keys:
        size += len(key) + len('"", ')
        if size > KEYS_IN_AN_EVENT:
            yield part
            part, size = [], len(key)
        part.append(key)
    yield part


def _open(version: VariableVersion) -> str:
    if version.kind == Kind.PLAIN:
        return version.plain or ""
    try:
        opened = open_sealed(version.sealed or b"", project_pk=version.variable.project_id, context=version.context)
    except SealError:
        raise SealError(f"the sealed value of {version.variable} does not open") from None
    return opened.decode("utf-8")
