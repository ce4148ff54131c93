from __future__ import annotations

from django.db import models

from temps.lib import clock
from temps.lib.ids import PublicIdField

SHORTEST = 30
"""Days that every entry is kept: whoever takes over an administrator's account must not be able to have the traces of
it removed the same week."""


class RetentionPolicy(models.Model):
    """One row: after how many days entries are removed. None is forever, and so is no row."""

    audit_identity = "audit log", "retention"
    days = models.PositiveIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name_plural = "retention policy"
        constraints = (models.CheckConstraint(name="one_retention_policy", condition=models.Q(id=1)),)

    def __str__(self) -> str:
        return f"entries are removed after {self.days} days" if self.days else "entries are kept forever"


class LegalHold(models.Model):
    """What may not be removed whatever the policy says: the entries of a project, of a person, or all of them.

    Both are by value, as in events, so that a hold outlives what it is about.
    """

    public_id = PublicIdField(prefix="hld")
    project = models.CharField(max_length=63, blank=True)
    """The slug; empty for every project."""
    user_email = models.CharField(max_length=254, blank=True)
    """Empty for everybody."""
    reason = models.CharField(max_length=200)
    created_by = models.CharField(max_length=254, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    released_at = models.DateTimeField(null=True, editable=False)
    released_by = models.CharField(max_length=254, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        what = " and ".join(filter(None, [self.project and f"project {self.project}", self.user_email]))
        return f"hold on {what or 'everything'}"
