from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from rbac.permissions import Permission
from rbac.services import allowed
from secrets_vault.sealing import column
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField

RESTS = timedelta(seconds=10)
"""For how long a directory that did not answer is not asked again at sign-in: each try would wait for it anew."""
NAME = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\Z"

check_name = RegexValidator(NAME, "use 1 to 40 lower-case letters, digits and hyphens, with no hyphen at either end")


class Security(models.TextChoices):
    TLS = "tls", "TLS (ldaps://)"
    STARTTLS = "starttls", "StartTLS (ldap://)"
    NONE = "none", "none: for a server on this machine alone"


class GroupType(models.TextChoices):
    MEMBER = "member", "groups name their members"
    MEMBER_OF = "memberof", "people name their groups (memberOf)"
    NESTED = "nested", "groups within groups (Active Directory)"


class DirectoryQuerySet(models.QuerySet["Directory"]):
    def visible_to(self, actor: Actor) -> DirectoryQuerySet:
        """All of them, to whoever may read the settings of the platform."""
        return self if allowed(actor, Permission.SETTINGS_READ) else self.none()


class Directory(models.Model):
    """An LDAP server that knows people, their passwords and their groups."""

    public_id = PublicIdField(prefix="dir")
    name = models.CharField(max_length=40, unique=True, validators=[check_name])
    enabled = models.BooleanField(default=True)

    # Where it is, and as whom it is searched.
    uris = models.TextField("servers")
    """Addresses, separated by blanks, asked in this order until one answers."""
    security = models.CharField("encryption", max_length=8, choices=Security.choices, default=Security.TLS)
    ca_bundle = models.TextField("CA bundle", blank=True)
    """PEM; empty for the authorities of the system."""
    bind_dn = models.CharField("bind DN", max_length=500, blank=True)
    """Whom Temps searches as; empty for nobody."""
    sealed_password = models.BinaryField(null=True, editable=False)
    revision = models.PositiveIntegerField(default=1, editable=False)
    """Goes up with every change; the sealed password is bound to it."""
    timeout = models.PositiveSmallIntegerField("seconds to wait", default=5)

    # Whom it knows.
    user_base = models.CharField("user base", max_length=500)
    user_filter = models.CharField("user filter", max_length=500, default="(mail=%(user)s)")
    id_attribute = models.CharField("id attribute", max_length=60, default="entryUUID")
    """What stays when people are renamed and is never given to another: entryUUID (RFC 4530), objectGUID."""
    mail_attribute = models.CharField("mail attribute", max_length=60, default="mail")
    name_attribute = models.CharField("name attribute", max_length=60, default="cn")
    create_accounts = models.BooleanField(default=False)

    # What groups they are in.
    group_type = models.CharField(max_length=8, choices=GroupType.choices, default=GroupType.MEMBER)
    group_base = models.CharField("group base", max_length=500, blank=True)
    group_filter = models.CharField("group filter", max_length=500, default="(objectClass=groupOfNames)")
    member_attribute = models.CharField("member attribute", max_length=60, default="member")
    required_group = models.CharField("required group", max_length=500, blank=True)

    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)

    # Whether it answers.
    last_ok_at = models.DateTimeField("last answer", null=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)

    objects = DirectoryQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "directories"
        constraints = (
            models.CheckConstraint(name="directory_security_is_known", condition=Q(security__in=Security.values)),
            models.CheckConstraint(name="directory_group_type_is_known", condition=Q(group_type__in=GroupType.values)),
            models.CheckConstraint(name="directory_waits_a_little", condition=Q(timeout__range=(1, 30))),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> str:
        """What the roles are marked with that its groups give."""
        return f"directory:{self.name}"

    @property
    def is_failing(self) -> bool:
        if self.last_error_at is None:
            return False
        return self.last_ok_at is None or self.last_ok_at < self.last_error_at

    @property
    def rests(self) -> bool:
        """Whether it did not answer just now, so that nobody is kept waiting for it again."""
        return self.is_failing and self.last_error_at is not None and clock.now() < self.last_error_at + RESTS

    @property
    def has_password(self) -> bool:
        return self.sealed_password is not None

    def context(self) -> bytes:
        """What the sealed password is bound to."""
        return column("accounts_directory.Directory", self.public_id, "sealed_password", self.revision)


class DirectoryAccount(models.Model):
    """An account whose password a directory checks: the link between a user and an entry."""

    public_id = PublicIdField(prefix="dac")
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="directory_account")
    directory = models.ForeignKey(Directory, models.CASCADE, related_name="accounts")
    unique_id = models.CharField(max_length=200)
    """The id attribute of the entry: an address that is given to somebody else opens nothing of its former owner's."""
    linked_at = models.DateTimeField(default=clock.now, editable=False)
    linked_by = models.CharField(max_length=254, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    gone_at = models.DateTimeField(null=True, editable=False)
    """Since when the account is disabled because the directory knows the entry no longer, or has disabled it. Empty
    where a person disabled the account, before or since: then it is not the directory's to enable again."""

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("directory", "unique_id"), name="directory_account_one_entry"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.directory}"
