from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models

from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField


class PasskeyQuerySet(models.QuerySet["Passkey"]):
    def visible_to(self, actor: Actor) -> PasskeyQuerySet:
        """One's own: to nobody else does it say anything."""
        return self.none() if actor.user_pk is None else self.filter(user_id=actor.user_pk)


class Passkey(models.Model):
    """A WebAuthn credential (W3C Web Authentication Level 2). Every use of it verifies the person, by PIN or body."""

    public_id = PublicIdField(prefix="pky")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=60)
    credential_id = models.CharField(max_length=1364, unique=True, editable=False)
    """Base64url of the at most 1023 bytes by which the authenticator knows it."""
    public_key = models.BinaryField(editable=False)
    """COSE key (RFC 9052)."""
    rp_id = models.CharField("host", max_length=253, editable=False)
    """The host name under which it was made: browsers offer it there and nowhere else."""
    sign_count = models.BigIntegerField(default=0, editable=False)
    """Rises with each use, where the authenticator counts; 0 for ever where it does not."""
    transports = models.JSONField(default=list, editable=False)
    """How browsers reach it (``internal``, ``usb``, …): a hint for the next time."""
    aaguid = models.CharField("model of the authenticator", max_length=36, editable=False)
    backed_up = models.BooleanField("synchronised between devices", default=False, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = PasskeyQuerySet.as_manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class RecoveryCodes(models.Model):
    """The set of recovery codes of one person. A new set is a new row, so that what an old code opened ends with it."""

    MOST = 10
    """Codes of a new set."""
    FEW = 3
    """Codes left at which the person is warned."""
    WRONG_CODES_COUNTED = 10
    """The wait doubles with each wrong code in a row, from one second to 2**9 (nine minutes)."""

    public_id = PublicIdField(prefix="rec")
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recovery_codes")
    hashes = models.JSONField(editable=False)
    """Of the codes that are left."""
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    wrong_in_a_row = models.PositiveSmallIntegerField(default=0, editable=False)
    last_wrong_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "recovery codes"

    def __str__(self) -> str:
        return self.public_id

    @property
    def left(self) -> int:
        return len(self.hashes)

    @property
    def are_few(self) -> bool:
        return self.left <= self.FEW

    @property
    def seconds_to_wait(self) -> int:
        """What is left of the wait after wrong codes; 0 when the next one will be looked at."""
        if not self.wrong_in_a_row or self.last_wrong_at is None:
            return 0
        wait = timedelta(seconds=2 ** (min(self.wrong_in_a_row, self.WRONG_CODES_COUNTED) - 1))
        left = (self.last_wrong_at + wait - clock.now()).total_seconds()
        return max(1, round(left)) if left > 0 else 0
