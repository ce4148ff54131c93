"""What people are told before they use Temps, and that they agreed."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from temps.lib import clock
from temps.lib.ids import PublicIdField


class Notice(models.Model):
    """One version of a text, such as a privacy notice or terms of use. It never changes: a new version is a new row."""

    public_id = PublicIdField(prefix="ntc")
    name = models.SlugField(max_length=40)
    """Which text this is a version of: ``privacy``, ``terms``."""
    version = models.CharField(max_length=40)
    title = models.CharField(max_length=120)
    text = models.TextField()
    """Plain text, in paragraphs."""
    published_at = models.DateTimeField(default=clock.now, editable=False)
    published_by = models.CharField(max_length=254, editable=False)
    """The label of the actor, by value."""
    withdrawn_at = models.DateTimeField(null=True, editable=False)
    """Since when nobody is asked for it any more."""

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("name", "version"), name="notice_version_once"),)

    def __str__(self) -> str:
        return f"{self.title}, version {self.version}"


class Consent(models.Model):
    """That a person agreed to a version of a text, and when (GDPR, article 7)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="consents")
    notice = models.ForeignKey(Notice, models.PROTECT, related_name="consents")
    given_at = models.DateTimeField(default=clock.now, editable=False)
    address = models.CharField(max_length=45, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("user", "notice"), name="consent_once"),)

    def __str__(self) -> str:
        return str(self.notice)
