from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from rbac.permissions import Permission
from rbac.services import projects_with
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField

SLUG = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z"
"""A DNS label (RFC 1123 section 2.1): slugs stand in URLs, commands, host names and file names."""

check_slug = RegexValidator(
    SLUG, "use 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end", code="slug"
)


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, actor: Actor, permission: Permission = Permission.PROJECTS_READ) -> ProjectQuerySet:
        """The projects in which ``actor`` holds ``permission``."""
        keys = projects_with(actor, permission)
        return self if keys is None else self.filter(pk__in=keys)


class Project(models.Model):
    public_id = PublicIdField(prefix="prj")
    slug = models.CharField(max_length=63, unique=True, validators=[check_slug])
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ("slug",)
        constraints = (models.CheckConstraint(condition=Q(slug__regex=SLUG), name="project_slug_is_a_label"),)

    def __str__(self) -> str:
        return self.slug


class Environment(models.Model):
    """Where a project runs. What is said of no environment (the base) holds in all of them unless overridden."""

    public_id = PublicIdField(prefix="env")
    project = models.ForeignKey(Project, models.CASCADE, related_name="environments")
    slug = models.CharField(max_length=63, validators=[check_slug])
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("project__slug", "slug")
        constraints = (
            models.UniqueConstraint(fields=("project", "slug"), name="environment_slug_is_unique_in_project"),
            models.CheckConstraint(condition=Q(slug__regex=SLUG), name="environment_slug_is_a_label"),
        )

    def __str__(self) -> str:
        return self.slug
