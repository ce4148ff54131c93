from __future__ import annotations

from django.db import models
from django.db.models import Q

from firewall.headers import Preset
from firewall.networks import bounds, hexadecimal
from rbac.permissions import Permission
from rbac.services import allowed, whole_projects_with
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.client_ip import Address
from temps.lib.ids import PublicIdField

PLATFORM_KEY = 1
PRESETS = [(preset.value, preset.value) for preset in Preset]


class RuleAction(models.TextChoices):
    BLOCK = "block"
    ALLOW = "allow"


class IpRuleQuerySet(models.QuerySet["IpRule"]):
    def visible_to(self, actor: Actor) -> IpRuleQuerySet:
        """All rules for who reads the firewall of the platform, else those of the projects where they may."""
        keys = whole_projects_with(actor, Permission.FIREWALL_READ)
        return self if keys is None else self.filter(project__in=keys)

    def covering(self, address: Address) -> IpRuleQuerySet:
        """The rules whose network holds ``address``."""
        number = hexadecimal(int(address))
        return self.filter(family=address.version, first__lte=number, last__gte=number)


class IpRule(models.Model):
    """A network that is refused, or that is excepted from a wider refusal: everywhere, or for one project."""

    public_id = PublicIdField(prefix="ipr")
    action = models.CharField(max_length=5, choices=RuleAction.choices)
    network = models.CharField(max_length=43)
    """CIDR in its one canonical spelling (RFC 5952 for IPv6); always with a prefix length."""
    family = models.PositiveSmallIntegerField(editable=False)
    """4 or 6."""
    first = models.CharField(max_length=32, editable=False)
    last = models.CharField(max_length=32, editable=False)
    """The bounds as 32 hexadecimal digits, which compare as text the way the addresses compare as numbers."""
    project = models.ForeignKey("projects.Project", models.CASCADE, null=True, blank=True, related_name="ip_rules")
    reason = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    hits = models.PositiveBigIntegerField(default=0, editable=False)
    """Requests that this rule refused. Counted in batches: it trails by seconds, and a crash loses the last ones."""
    last_hit_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)
    """The label of the actor, by value."""

    objects = IpRuleQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "IP rule"
        indexes = (models.Index(fields=("family", "first", "last"), name="ip_rule_by_bounds"),)
        constraints = (
            # One rule a network and scope, so that the most specific rule is always exactly one.
            models.UniqueConstraint(fields=("network",), condition=Q(project=None), name="ip_rule_once_on_platform"),
            models.UniqueConstraint(fields=("network", "project"), name="ip_rule_once_in_project"),
            models.CheckConstraint(condition=Q(action__in=RuleAction.values), name="ip_rule_action_is_known"),
            models.CheckConstraint(condition=Q(family__in=(4, 6)), name="ip_rule_family_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.network} on {self.scope}"

    @property
    def scope(self) -> str:
        """Where the rule holds, for people."""
        return "platform" if self.project is None else str(self.project)

    def set_network(self, network: str) -> None:
        """The network in its canonical spelling, with the bounds that belong to it."""
        span = bounds(network)
        self.network, self.family = network, span.family
        self.first, self.last = hexadecimal(span.first), hexadecimal(span.last)


class RateLimitQuerySet(models.QuerySet["RateLimit"]):
    def visible_to(self, actor: Actor) -> RateLimitQuerySet:
        """Limits belong to the platform: all of them or none."""
        return self if allowed(actor, Permission.FIREWALL_READ) else self.none()


class RateLimit(models.Model):
    """How many requests one client address may send in a sliding window."""

    public_id = PublicIdField(prefix="lim")
    path = models.CharField(max_length=200, unique=True, blank=True)
    """A pattern such as ``/api/*``; empty for the limit of everything, which replaces the one from the settings."""
    requests = models.PositiveIntegerField()
    window = models.PositiveIntegerField(help_text="Seconds.")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)

    objects = RateLimitQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(requests__gte=1), name="rate_limit_lets_something_pass"),
            models.CheckConstraint(condition=Q(window__gte=1), name="rate_limit_has_a_window"),
        )

    def __str__(self) -> str:
        return f"{self.requests} requests in {self.window} s on {self.path or 'everything'}"


class Platform(models.Model):
    """The one row that every change of the firewall locks, so that changes are compiled one after the other.

    It holds what exists once.
    """

    audit_identity = "headers", "platform"
    id = models.PositiveSmallIntegerField(primary_key=True, default=PLATFORM_KEY)
    header_preset = models.CharField(max_length=10, choices=PRESETS, default=Preset.STRICT.value)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=PLATFORM_KEY), name="firewall_platform_is_one_row"),)

    def __str__(self) -> str:
        return "platform"


class PolicyVersion(models.Model):
    """What the rows meant after a change: the document that every process enforces. Never changed, only followed."""

    version = models.PositiveBigIntegerField(unique=True)
    document = models.TextField()
    """Canonical JSON (``firewall.policy``); text, because the digest is of these very characters."""
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("-version",)

    def __str__(self) -> str:
        return f"policy {self.version}"
