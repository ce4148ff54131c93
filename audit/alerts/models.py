"""What is watched for (rules), what was found (alerts), and who is told (channels, and the messages to them)."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from rbac.permissions import Permission
from rbac.services import allowed
from secrets_vault.sealing import column
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField


class PlatformQuerySet(models.QuerySet[Any]):
    def visible_to(self, actor: Actor) -> PlatformQuerySet:
        """Everything to whoever holds ``monitoring:read`` on the platform: alerts name people of every project."""
        return self if allowed(actor, Permission.MONITORING_READ) else self.none()


class Severity(models.TextChoices):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class RuleKind(models.TextChoices):
    COUNT = "count", "events in a window"
    NETWORK = "network", "a network not seen before"
    CONDITION = "condition", "a state of the platform"


class GroupBy(models.TextChoices):
    USER = "user", "who did it"
    ADDRESS = "address", "the address it came from"
    PROJECT = "project", "the project"
    NONE = "none", "nothing: all of it together"


class Rule(models.Model):
    public_id = PublicIdField(prefix="rul")
    key = models.CharField(max_length=40, unique=True, null=True, editable=False)
    """Names a rule that comes with Temps; null for a rule of one's own."""
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=9, choices=RuleKind.choices, default=RuleKind.COUNT, editable=False)
    enabled = models.BooleanField(default=True)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    operations = models.JSONField(default=list, blank=True)
    """Which operations count; empty for all."""
    results = models.JSONField(default=list, blank=True)
    """Which results count; empty for all."""
    threshold = models.PositiveIntegerField(default=1)
    """How many within the window make an alert."""
    window = models.PositiveIntegerField("window (seconds)", default=600)
    group_by = models.CharField(max_length=7, choices=GroupBy.choices, default=GroupBy.NONE)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)
    """The label of the actor, by value."""

    objects = PlatformQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(threshold__gte=1), name="alert_rule_threshold_counts"),
            models.CheckConstraint(condition=Q(window__gte=1), name="alert_rule_window_lasts"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="alert_rule_severity_is_known"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def shipped(self) -> bool:
        """Comes with Temps: it can be switched off and adjusted, and not be deleted."""
        return self.key is not None

    @property
    def when(self) -> str:
        """When it makes an alert, for people."""
        if self.kind == RuleKind.COUNT:
            return f"{self.threshold} in {_spoken(self.window)}"
        return "as long as it lasts" if self.kind == RuleKind.CONDITION else "each time"


def _spoken(seconds: int) -> str:
    """A length of time in the largest unit that divides it."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


class AlertState(models.TextChoices):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """Somebody has seen it: it still counts on, and nobody is reminded."""
    RESOLVED = "resolved"
    """It has been quiet for the rule's window, or the state of the platform is good again."""


class Alert(models.Model):
    public_id = PublicIdField(prefix="alr")
    rule = models.ForeignKey(Rule, models.CASCADE, related_name="alerts")
    group = models.CharField(max_length=300, blank=True, editable=False)
    """Whom or what it is about: an address, an account, a domain. Strangers may choose it (an email that was tried)."""
    title = models.CharField(max_length=300, editable=False)
    severity = models.CharField(max_length=8, choices=Severity.choices, editable=False)
    state = models.CharField(max_length=12, choices=AlertState.choices, default=AlertState.OPEN, editable=False)
    count = models.PositiveBigIntegerField(default=1, editable=False)
    first_at = models.DateTimeField(editable=False)
    last_at = models.DateTimeField(editable=False)
    details = models.JSONField(default=dict, editable=False)
    """The ids of the first events, and what else helps to look further; never a secret."""
    notified_at = models.DateTimeField(null=True, editable=False)
    """When messages about it were last written to the channels; null while it was told to nobody."""
    acknowledged_by = models.CharField(max_length=254, blank=True, editable=False)
    acknowledged_at = models.DateTimeField(null=True, editable=False)
    resolved_at = models.DateTimeField(null=True, editable=False)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("state", "-id"), name="alert_by_state"),)
        constraints = (
            models.UniqueConstraint(
                fields=("rule", "group"), condition=~Q(state="resolved"), name="alert_one_unresolved_of_a_group"
            ),
            models.CheckConstraint(condition=Q(state__in=AlertState.values), name="alert_state_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.title}: {self.group}" if self.group else self.title

    @property
    def events(self) -> list[str]:
        """The ids of the first events; the database takes any JSON for details."""
        named = self.details.get("events") if isinstance(self.details, dict) else None
        return [str(one) for one in named[:20]] if isinstance(named, list) else []


class ChannelKind(models.TextChoices):
    MAIL = "mail"
    WEBHOOK = "webhook"
    SLACK = "slack", "Slack-compatible"


class Channel(models.Model):
    """Where alerts are sent. One sender at a time works through its messages, oldest first."""

    public_id = PublicIdField(prefix="chn")
    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=7, choices=ChannelKind.choices)
    address = models.CharField(max_length=254, editable=False)
    """The mail address, or the host of the web address: the rest of that one may be a secret."""
    target = models.BinaryField(null=True, editable=False)
    """The whole web address, sealed."""
    secret = models.BinaryField(null=True, editable=False)
    """What signs a webhook's messages, sealed."""
    enabled = models.BooleanField(default=True)
    minimum_severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.INFO)
    failures = models.PositiveIntegerField(default=0, editable=False)
    """Attempts in a row that failed."""
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    """Empty when the last attempt succeeded."""
    next_try_at = models.DateTimeField(default=clock.now, editable=False)
    """Nobody sends before; whoever sends moves it on first, and so keeps others away."""
    delivered_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="alert_channel_kind_is_known"),
            models.CheckConstraint(
                condition=Q(minimum_severity__in=Severity.values), name="alert_channel_severity_is_known"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def context(self, field: str) -> bytes:
        """What a sealed column is bound to."""
        return column("audit_alerts.channel", self.public_id, field)


class Message(models.Model):
    """What one channel is told at one time. It stays until the channel has taken it."""

    public_id = PublicIdField(prefix="msg")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="messages")
    alerts = models.JSONField(editable=False)
    """The alerts as they were then (``audit.alerts.wording.as_told``): every attempt sends the same."""
    more = models.PositiveIntegerField(default=0, editable=False)
    """How many further alerts were left out, so that a flood of them is no flood of text."""
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.public_id


class KnownNetwork(models.Model):
    """A network from which an account signed in, or a key was used."""

    subject = models.CharField(max_length=128, editable=False)
    """The public id of the user or key, by value."""
    network = models.CharField(max_length=45, editable=False)
    first_at = models.DateTimeField(editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("subject", "network"), name="known_network_once"),)

    def __str__(self) -> str:
        return f"{self.subject} from {self.network}"


class Cursor(models.Model):
    """Up to where the sealed log has been looked at. Sealed positions have no gaps, so late commits are not missed."""

    ONLY = 1
    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    position = models.PositiveBigIntegerField(default=0, editable=False)
    """The first sealed position that was not looked at."""

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="alert_cursor_is_one"),)

    def __str__(self) -> str:
        return f"up to {self.position}"
