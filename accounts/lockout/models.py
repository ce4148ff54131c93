"""Where people sign in from, and who is kept from signing in for a while."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models

from temps.lib import clock


class SignInNetwork(models.Model):
    """A network from which this person completed a sign-in: whoever guesses elsewhere does not lock it out."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="sign_in_networks")
    network = models.CharField(max_length=43)
    """An IPv4 address, or an IPv6 /64, in CIDR form."""
    first_seen = models.DateTimeField(default=clock.now, editable=False)
    last_seen = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "network"), name="sign_in_network_once"),)

    def __str__(self) -> str:
        return self.network


class Lockout(models.Model):
    """The newest lockout of an account: new sign-ins from networks that are not known wait until it has passed."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="lockout")
    began_at = models.DateTimeField(default=clock.now)
    until = models.DateTimeField()
    attempts = models.PositiveIntegerField()
    """Failed sign-ins from anywhere that led to it."""

    def __str__(self) -> str:
        return f"until {clock.iso(self.until)}"

    def holds_at(self, moment: datetime) -> bool:
        return self.until > moment
