from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from rbac.permissions import Permission
from rbac.services import allowed
from secrets_vault.sealing import column
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField

SLUG = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\Z"

check_slug = RegexValidator(SLUG, "use 1 to 40 lower-case letters, digits and hyphens, with no hyphen at either end")


GROUP_SOURCE = "provider"
"""What kind of source of roles a provider is (``accounts.group_roles``)."""


class Kind(models.TextChoices):
    GITHUB = "github", "GitHub"
    GITLAB = "gitlab", "GitLab"
    OIDC = "oidc", "OpenID Connect"


PUBLIC_SERVERS = {Kind.GITHUB: "https://github.com", Kind.GITLAB: "https://gitlab.com"}


class IdentityProviderQuerySet(models.QuerySet["IdentityProvider"]):
    def visible_to(self, actor: Actor) -> IdentityProviderQuerySet:
        """All of them, to whoever may read the settings of the platform."""
        return self if allowed(actor, Permission.SETTINGS_READ) else self.none()


class IdentityProvider(models.Model):
    """Where people have accounts that they may sign in with.

    Slug, kind and server stay as they were made: who somebody is means *this* subject *there*, and whoever could point
    a provider at another server would be everyone who is linked with it.
    """

    public_id = PublicIdField(prefix="idp")
    slug = models.CharField("short name", max_length=40, unique=True, validators=[check_slug])
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=60)
    """What its button says."""
    server_url = models.CharField("server", max_length=300)
    """Of OpenID Connect the issuer, as the provider spells it."""
    client_id = models.CharField("client id", max_length=200)
    sealed_secret = models.BinaryField(editable=False)
    revision = models.PositiveIntegerField(default=1, editable=False)
    """Goes up with every new client secret, which is bound to it."""
    scopes = models.JSONField(default=list, blank=True)
    """What is asked for beyond what signing in needs."""
    create_accounts = models.BooleanField("make accounts", default=False)
    domains = models.JSONField("mail domains", default=list, blank=True)
    """Whose verified addresses get an account when accounts are made; in lower case."""
    groups_claim = models.CharField("groups claim", max_length=100, blank=True)
    """The claim that lists the groups of a person; empty for none."""
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)

    objects = IdentityProviderQuerySet.as_manager()

    class Meta:
        ordering = ("name", "slug")
        constraints = (
            models.CheckConstraint(name="identity_provider_kind_is_known", condition=Q(kind__in=Kind.values)),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def group_source(self) -> str:
        """What rules about groups (``accounts.group_roles``) call it."""
        return f"{GROUP_SOURCE}:{self.slug}"

    def context(self) -> bytes:
        """What the sealed client secret is bound to."""
        return column("accounts_providers.IdentityProvider", self.public_id, "secret", self.revision)
