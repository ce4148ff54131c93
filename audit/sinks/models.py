from __future__ import annotations

from datetime import timedelta

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from rbac.permissions import Permission
from rbac.services import allowed
from secrets_vault.sealing import column
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField

DEAD_AFTER = timedelta(minutes=10)
"""A sink that has failed for so long is *dead*: still tried, and shown and alerted as an outage."""
NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z"

check_name = RegexValidator(NAME, "use 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end")


class Kind(models.TextChoices):
    SYSLOG = "syslog", "syslog"
    WEBHOOK = "webhook", "webhook"
    MAIL = "mail", "mail"


class Sends(models.TextChoices):
    ENTRIES = "entries", "entries"
    CHECKPOINTS = "checkpoints", "checkpoints"


class Transport(models.TextChoices):
    TLS = "tls", "TLS"
    TCP = "tcp", "TCP"


class Format(models.TextChoices):
    JSON = "json", "JSON"
    CEF = "cef", "CEF"
    OCSF = "ocsf", "OCSF"


class State(models.TextChoices):
    OK = "ok"
    FAILING = "failing"
    DEAD = "dead"
    PAUSED = "paused"


class SinkQuerySet(models.QuerySet["Sink"]):
    def visible_to(self, actor: Actor) -> SinkQuerySet:
        """All of them, to whoever may read the settings of the platform."""
        return self if allowed(actor, Permission.SETTINGS_READ) else self.none()


class Sink(models.Model):
    """Somewhere that the log is streamed to, and how far it has got."""

    public_id = PublicIdField(prefix="snk")
    name = models.CharField(max_length=63, unique=True, validators=[check_name])
    kind = models.CharField(max_length=8, choices=Kind.choices)
    sends = models.CharField(max_length=12, choices=Sends.choices, default=Sends.ENTRIES)
    format = models.CharField(max_length=8, choices=Format.choices, default=Format.JSON)
    every = models.PositiveIntegerField(default=0)
    """Seconds, at least, between two checkpoints."""

    # Where to. Of a web address, path and query may hold a token, so the whole of it is sealed.
    host = models.CharField(max_length=253, blank=True)
    port = models.PositiveIntegerField(null=True, blank=True)
    transport = models.CharField(max_length=4, choices=Transport.choices, blank=True)
    ca_bundle = models.TextField("CA bundle", blank=True)
    """PEM; empty for the authorities of the system."""
    recipients = models.TextField(blank=True)
    """Mail addresses, separated by commas."""
    shown_url = models.CharField(max_length=300, blank=True, editable=False)
    sealed_url = models.BinaryField(null=True, editable=False)
    sealed_secret = models.BinaryField(null=True, editable=False)
    """What signs the messages of a webhook."""
    revision = models.PositiveIntegerField(default=1, editable=False)
    """Goes up with every change of where and how: connections are made anew then. Sealed values are bound to it."""

    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)

    # How far it has got.
    cursor = models.PositiveBigIntegerField(default=0, editable=False)
    """Of entries, the position of the next; of checkpoints, the size of the last that was sent."""
    attempts = models.PositiveIntegerField(default=0, editable=False)
    """Failures since the last success."""
    last_ok_at = models.DateTimeField(null=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=200, blank=True, editable=False)
    next_try_at = models.DateTimeField(null=True, editable=False)
    holder = models.CharField(max_length=32, blank=True, editable=False)
    """Random: the one thread, of all keepers there may be, that sends to this sink."""
    held_until = models.DateTimeField(null=True, editable=False)

    objects = SinkQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(name="sink_kind_is_known", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(name="sink_sends_what_is_known", condition=Q(sends__in=Sends.values)),
            models.CheckConstraint(
                name="sink_mails_checkpoints", condition=~Q(kind=Kind.MAIL) | Q(sends=Sends.CHECKPOINTS)
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def where(self) -> str:
        """Where it leads, as people may read it."""
        if self.kind == Kind.SYSLOG:
            host = f"[{self.host}]" if ":" in self.host else self.host
            return f"{self.transport}://{host}:{self.port}"
        return self.shown_url if self.kind == Kind.WEBHOOK else self.recipients

    @property
    def is_dead(self) -> bool:
        return self.enabled and self.failing_since is not None and clock.now() - self.failing_since > DEAD_AFTER

    @property
    def state(self) -> State:
        if not self.enabled:
            return State.PAUSED
        if self.is_dead:
            return State.DEAD
        return State.FAILING if self.failing_since else State.OK

    def context(self, field: str) -> bytes:
        """What a sealed value of this row is bound to."""
        return column("audit_sinks.Sink", self.public_id, field, self.revision)
