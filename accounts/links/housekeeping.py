"""Links that are over, and may go."""

from __future__ import annotations

from datetime import timedelta

from accounts.links.models import EmailLink
from temps.lib import clock

KEPT = timedelta(hours=1)
"""So long the sender looks back for floods."""


def clear_expired() -> None:
    """Delete links that no longer open anything. Their history is in the audit log."""
    EmailLink.objects.filter(expires_at__lt=clock.now() - KEPT).delete()
