"""Variables and their versions. What a value is, and what sealing binds it to, is said here; who may do what with it
in ``services`` and ``reading``."""

from __future__ import annotations

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from projects.models import Environment, Project
from rbac.permissions import Permission
from rbac.services import holding
from secrets_vault.sealing import column
from secrets_vault.sealing.models import DataKey
from secrets_vault.values import KEY, MAX_KEY, MAX_REASON
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField

__all__ = ["DataKey", "Kind", "Variable", "VariableVersion"]


class Kind(models.TextChoices):
    PLAIN = "plain"
    """Stored as it is; whoever has ``secrets:read`` sees it."""
    SECRET = "secret", "Encrypted"
    """Sealed; seeing it needs ``secrets:reveal``."""
    UNSET = "unset"
    """No value: the variable was deleted here, and its history stays."""


class VariableQuerySet(models.QuerySet["Variable"]):
    def visible_to(self, actor: Actor, permission: Permission = Permission.SECRETS_READ) -> VariableQuerySet:
        """The variables in the projects and in the environments where ``actor`` holds ``permission``."""
        held = holding(actor)
        if permission in held.platform:
            return self
        projects = [key for key, permissions in held.projects.items() if permission in permissions]
        environments = [key for key, permissions in held.environments.items() if permission in permissions]
        return self.filter(Q(project__in=projects) | Q(environment__in=environments))

    def that_are_set(self) -> VariableQuerySet:
        """Without those whose newest version says that they were deleted."""
        newest = VariableVersion.objects.filter(variable=OuterRef("pk"), number=OuterRef("version"))
        return self.filter(Exists(newest.exclude(kind=Kind.UNSET)))


class Variable(models.Model):
    """A key in one place: an environment, or the base of a project (no environment), which holds in all of them."""

    public_id = PublicIdField(prefix="var")
    project = models.ForeignKey(Project, models.CASCADE, related_name="variables")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="variables")
    key = models.CharField(max_length=MAX_KEY)
    is_secret = models.BooleanField("encrypted", default=False)
    """How the next value is kept unless said otherwise; it outlives a deletion, so that no secret comes back plain."""
    version = models.PositiveIntegerField(default=0, editable=False)
    """The number of the newest version."""

    objects = VariableQuerySet.as_manager()

    class Meta:
        ordering = ("key", "id")
        constraints = (
            # NULLs are distinct to a unique constraint, hence two of them.
            models.UniqueConstraint(
                fields=("project", "key"), condition=Q(environment=None), name="variable_is_unique_in_base"
            ),
            models.UniqueConstraint(fields=("environment", "key"), name="variable_is_unique_in_environment"),
            models.CheckConstraint(condition=Q(key__regex=KEY), name="variable_key_is_a_name"),
        )

    def __str__(self) -> str:
        return f"{self.key} in {self.place}"

    @property
    def place(self) -> str:
        """Where it holds, for people: ``my-app`` or ``my-app/production``."""
        return f"{self.project}/{self.environment}" if self.environment else str(self.project)


class VersionQuerySet(models.QuerySet["VariableVersion"]):
    def current(self) -> VersionQuerySet:
        """The newest version of every variable that is set."""
        return (
            self.filter(number=F("variable__version"))
            .exclude(kind=Kind.UNSET)
            .select_related("variable__project", "variable__environment")
        )

    def holding_in(self, project: Project, environment: Environment | None) -> VersionQuerySet:
        """What a process in ``environment`` gets: its own values, and those of the base that it does not override."""
        rows = self.current().filter(variable__project=project)
        if environment is None:
            return rows.filter(variable__environment=None)
        overrides = VariableVersion.objects.filter(
            variable__environment=environment, variable__key=OuterRef("variable__key"), number=F("variable__version")
        ).exclude(kind=Kind.UNSET)
        base_or_here = Q(variable__environment=environment) | Q(variable__environment=None) & ~Exists(overrides)
        return rows.filter(base_or_here)


class VariableVersion(models.Model):
    """What a variable was from one moment on, who said so, and why. Services add versions and never change one."""

    variable = models.ForeignKey(Variable, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=6, choices=Kind.choices)
    plain = models.TextField(null=True)
    sealed = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254)
    """The label of the actor, by value: they may be gone by the time someone asks."""
    reason = models.CharField(max_length=MAX_REASON, blank=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("variable", "number"), name="version_number_is_unique"),
            models.CheckConstraint(
                name="version_has_the_value_of_its_kind",
                condition=Q(kind="plain", plain__isnull=False, sealed=None)
                | Q(kind="secret", plain=None, sealed__isnull=False)
                | Q(kind="unset", plain=None, sealed=None),
            ),
        )

    def __str__(self) -> str:
        return f"version {self.number} of {self.variable}"

    @property
    def context(self) -> bytes:
        """What the sealed value is bound to: this variable, its place, its key and this version.

        Place and key are in it because a row could be moved, by someone who can write to the database, into an
        environment or under a name where more people may reveal it.
        """
        variable = self.variable
        place = variable.environment.public_id if variable.environment else "base"
        return column("secrets_vault.variable", variable.public_id, "value", self.number, place, variable.key)
