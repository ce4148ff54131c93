from __future__ import annotations

from django.db import models

from temps.lib import clock


class DataKey(models.Model):
    """A random 256-bit key that seals the values of one project (or of the platform), itself wrapped by the keyring."""

    key_id = models.BinaryField(max_length=8, unique=True, editable=False)
    """Stands in every value that it sealed."""
    project = models.ForeignKey("projects.Project", models.CASCADE, null=True, related_name="data_keys")
    wrapped = models.BinaryField(editable=False)
    keyring_fingerprint = models.CharField(max_length=16, db_index=True, editable=False)
    """Names the key-encryption key that opens ``wrapped``."""
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        app_label = "secrets_vault"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"data key {bytes(self.key_id).hex()}"
