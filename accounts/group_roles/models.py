from __future__ import annotations

from django.db import models
from django.db.models import Q

from rbac.permissions import Permission
from rbac.services import whole_projects_with
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField


class GroupRoleQuerySet(models.QuerySet["GroupRole"]):
    def visible_to(self, actor: Actor) -> GroupRoleQuerySet:
        """Those of the scopes in which ``actor`` holds ``roles:read``."""
        keys = whole_projects_with(actor, Permission.ROLES_READ)
        return self if keys is None else self.filter(project_id__in=keys)


class GroupRole(models.Model):
    """The role that being in a group gives: on the platform, on one project, or in one environment of it."""

    public_id = PublicIdField(prefix="grr")
    source = models.CharField(max_length=80)
    """Who says what groups one is in: ``directory:corp``."""
    group = models.CharField(max_length=500)
    """As :func:`accounts.group_roles.names.clean_group` writes it."""
    role = models.CharField(max_length=32)
    project = models.ForeignKey("projects.Project", models.CASCADE, null=True, blank=True, related_name="group_roles")
    environment = models.ForeignKey(
        "projects.Environment", models.CASCADE, null=True, blank=True, related_name="group_roles"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)
    """The label of the actor, by value."""

    objects = GroupRoleQuerySet.as_manager()

    class Meta:
        ordering = ("source", "group", "id")
        verbose_name = "role from a group"
        verbose_name_plural = "roles from groups"
        constraints = (
            # One role a group and scope; NULLs are distinct to a unique constraint, hence three of them.
            models.UniqueConstraint(
                fields=("source", "group"),
                condition=Q(project=None, environment=None),
                name="group_role_one_on_platform",
            ),
            models.UniqueConstraint(
                fields=("source", "group", "project"), condition=Q(environment=None), name="group_role_one_on_project"
            ),
            models.UniqueConstraint(fields=("source", "group", "environment"), name="group_role_one_in_environment"),
            models.CheckConstraint(
                condition=Q(environment=None) | Q(project__isnull=False), name="group_role_environment_has_project"
            ),
        )

    def __str__(self) -> str:
        return f"{self.group} of {self.source}: {self.role} on {self.scope}"

    @property
    def scope(self) -> str:
        """Where the role holds, for people: ``platform``, ``my-app`` or ``my-app/production``."""
        if self.project is None:
            return "platform"
        return f"{self.project}/{self.environment}" if self.environment else str(self.project)
