"""What is over and may go: sessions and tokens that expired, links and enrolments that were not used in time."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.db.models import Q

from accounts.models import SetupLink, TokenFamily, TokenKey, TotpDevice
from accounts.totp import UNCONFIRMED_FOR
from temps.lib import clock


def clear_expired() -> None:
    """Delete what no longer opens anything. Its history is in the audit log."""
    now = clock.now()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    TokenFamily.objects.filter(expires_at__lt=now).delete()
    TokenKey.objects.filter(expires_at__lt=now).delete()
    SetupLink.objects.filter(Q(expires_at__lt=now) | Q(used_at__isnull=False)).delete()
    TotpDevice.objects.filter(confirmed=False, created_at__lt=now - UNCONFIRMED_FOR).delete()
