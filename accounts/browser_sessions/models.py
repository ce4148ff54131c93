from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import SignInPolicy, TokenFamily
from temps.lib import clock
from temps.lib.ids import PublicIdField

AGENT_LIMIT = 300
"""Characters of a user agent that are kept."""
NOTED_EVERY = timedelta(minutes=1)
"""How often at most it is written that a session is in use."""


def hashed(key: str) -> str:
    """What the table knows of a session's key, which has 256 random bits and therefore needs no slow hash."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()


class Used(models.Model):
    """Where a sign-in came from, and where it was last used."""

    address = models.CharField(max_length=45, blank=True, editable=False)
    user_agent = models.CharField(max_length=AGENT_LIMIT, blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, editable=False)
    """To the minute: it is not written with every request."""
    last_address = models.CharField(max_length=45, blank=True, editable=False)
    last_user_agent = models.CharField(max_length=AGENT_LIMIT, blank=True, editable=False)

    class Meta:
        abstract = True


class BrowserSessionQuerySet(models.QuerySet["BrowserSession"]):
    def over(self, policy: SignInPolicy, now: datetime) -> BrowserSessionQuerySet:
        """Those that open nothing any more."""
        too_old = Q(signed_in_at__lte=now - timedelta(hours=policy.session_hours))
        idle = Q(last_seen_at__lte=now - timedelta(minutes=policy.session_idle_minutes))
        return self.filter(Q(expires_at__lte=now) | too_old | idle)

    def signed_in(self, policy: SignInPolicy, now: datetime) -> BrowserSessionQuerySet:
        """Those in which somebody is signed in now."""
        return self.filter(
            user__isnull=False,
            expires_at__gt=now,
            signed_in_at__gt=now - timedelta(hours=policy.session_hours),
            last_seen_at__gt=now - timedelta(minutes=policy.session_idle_minutes),
        )


class BrowserSession(Used):
    """What is kept for one browser. The key is in its cookie alone: this row, read by a thief, opens nothing."""

    public_id = PublicIdField(prefix="ses")
    """What lists, addresses and the audit log call it."""
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    data = models.TextField(editable=False)
    """Signed, and bound to this row: put into another one, it is not read."""
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="browser_sessions", editable=False
    )
    """Nobody, until every stage of the sign-in is passed."""
    created_at = models.DateTimeField(default=clock.now, editable=False)
    signed_in_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(editable=False, db_index=True)
    """By the policy at sign-in. One that was tightened since ends the session earlier; a looser one, no later."""

    objects = BrowserSessionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="browser_session_has_times_once_signed_in",
                condition=Q(user=None, signed_in_at=None, last_seen_at=None)
                | Q(user__isnull=False, signed_in_at__isnull=False, last_seen_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    def is_over(self, policy: SignInPolicy, now: datetime) -> bool:
        """Whether it opens nothing any more; the twin of :meth:`BrowserSessionQuerySet.over`."""
        if self.expires_at <= now:
            return True
        if self.signed_in_at is None or self.last_seen_at is None:
            return False
        too_old = self.signed_in_at + timedelta(hours=policy.session_hours) <= now
        return too_old or self.last_seen_at + timedelta(minutes=policy.session_idle_minutes) <= now


class TokenUse(Used):
    """Where the API tokens of one sign-in came from, and where they were last used."""

    family = models.OneToOneField(TokenFamily, models.CASCADE, primary_key=True, related_name="use")

    def __str__(self) -> str:
        return self.family.public_id
