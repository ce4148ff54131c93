from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from temps.lib import clock
from temps.lib.ids import PublicIdField


class GrantQuerySet(models.QuerySet["Grant"]):
    def in_force(self) -> GrantQuerySet:
        """Those that have not ended."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=clock.now()))


class Grant(models.Model):
    """A role for a user: on the platform, on one project, or in one environment of a project."""

    public_id = PublicIdField(prefix="grt")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="grants")
    role = models.CharField(max_length=32)
    project = models.ForeignKey("projects.Project", models.CASCADE, null=True, blank=True, related_name="grants")
    environment = models.ForeignKey(
        "projects.Environment", models.CASCADE, null=True, blank=True, related_name="grants"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)
    """The label of the actor, by value: whoever granted may be gone by the time someone asks."""
    source = models.CharField(max_length=80, blank=True, editable=False, default="", db_default="")
    """The directory or identity provider whose group gives this role, and takes it; empty where a person gave it."""
    ends_at = models.DateTimeField(null=True, blank=True, editable=False)
    """From when on it gives nothing; empty for one that lasts until it is taken."""

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            # One role a scope; NULLs are distinct to a unique constraint, hence three of them.
            models.UniqueConstraint(
                fields=("user",), condition=Q(project=None, environment=None), name="grant_one_on_platform"
            ),
            models.UniqueConstraint(
                fields=("user", "project"), condition=Q(environment=None), name="grant_one_on_project"
            ),
            models.UniqueConstraint(fields=("user", "environment"), name="grant_one_in_environment"),
            models.CheckConstraint(
                condition=Q(environment=None) | Q(project__isnull=False), name="grant_environment_has_project"
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} on {self.scope}"

    @property
    def scope(self) -> str:
        """Where the role holds, for people: ``platform``, ``my-app`` or ``my-app/production``."""
        if self.project is None:
            return "platform"
        return f"{self.project}/{self.environment}" if self.environment else str(self.project)
