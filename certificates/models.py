from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from certificates.names import HOST_NAME, MAX_LENGTH
from projects.models import Project
from rbac.permissions import Permission
from rbac.services import whole_projects_with
from secrets_vault.sealing import column
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField


class Tls(models.TextChoices):
    """Where a domain's certificates come from."""

    AUTO = "auto"
    """An ACME issuer (RFC 8555), asked by Temps."""
    MANUAL = "manual"
    """Uploads."""


class Status(models.TextChoices):
    """What a domain's certificate is like now, in one word."""

    VALID = "valid"
    EXPIRING = "expiring"
    """Still valid, and its renewal is due."""
    EXPIRED = "expired"
    PENDING = "pending"
    """None yet; the first one is under way."""
    FAILING = "failing"
    """None yet, and the issuer refused the last attempt."""
    MISSING = "missing"
    """None yet; one has to be uploaded."""


class DomainQuerySet(models.QuerySet["Domain"]):
    def visible_to(self, actor: Actor, permission: Permission = Permission.DOMAINS_READ) -> DomainQuerySet:
        """The domains for which ``actor`` holds ``permission``: on the platform, or in the domain's project."""
        keys = whole_projects_with(actor, permission)
        return self if keys is None else self.filter(project__in=keys)

    def with_details(self) -> DomainQuerySet:
        """With everything that a list of them shows, in three queries however long it is."""
        return self.select_related("project", "current_certificate").prefetch_related("all_names")

    def _free(self, moment: datetime) -> DomainQuerySet:
        return self.filter(Q(attempt_until=None) | Q(attempt_until__lte=moment), tls=Tls.AUTO)

    def owed(self, moment: datetime) -> DomainQuerySet:
        """An attempt was asked for or failed, is due, and nobody is at it."""
        return self._free(moment).filter(next_attempt_at__lte=moment)

    def to_renew(self, moment: datetime) -> DomainQuerySet:
        """The renewal of a certificate is due and was not attempted yet."""
        return self._free(moment).filter(next_attempt_at=None, current_certificate__renew_at__lte=moment)


class Domain(models.Model):
    """A name that Temps holds a certificate for, with the other names on the same certificate."""

    public_id = PublicIdField(prefix="dom")
    name = models.CharField(max_length=MAX_LENGTH, unique=True)
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="domains")
    """None for a domain of the platform."""
    tls = models.CharField("TLS", max_length=8, choices=Tls.choices, default=Tls.AUTO)
    current_certificate = models.ForeignKey(
        "Certificate", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    failures = models.PositiveIntegerField(default=0, editable=False)
    """Attempts since the last success, the one under way included: a worker that dies half-way counts as well."""
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    """An attempt is owed, and not before this moment; None when nothing is."""
    attempt = models.CharField(max_length=32, blank=True, editable=False)
    """Names the attempt under way: only the attempt that stands here may change the domain when it ends."""
    attempt_until = models.DateTimeField(null=True, editable=False)
    """Until when the attempt under way keeps others out; past it, its worker is taken for dead."""
    attempted_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = DomainQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=Q(name__regex=HOST_NAME), name="domain_name_is_a_host_name"),
            models.CheckConstraint(condition=Q(tls__in=Tls.values), name="domain_tls_is_known"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def names(self) -> list[str]:
        """Every name on the certificate, the domain's own first."""
        return [self.name, *self.aliases]

    @property
    def aliases(self) -> list[str]:
        return [row.name for row in self.all_names.all() if row.name != self.name]

    @property
    def status(self) -> Status:
        certificate = self.current_certificate
        if certificate is None:
            if self.tls == Tls.MANUAL:
                return Status.MISSING
            return Status.FAILING if self.last_error else Status.PENDING
        moment = clock.now()
        if certificate.not_after <= moment:
            return Status.EXPIRED
        return Status.EXPIRING if certificate.renew_at <= moment else Status.VALID


class DomainName(models.Model):
    """One of a domain's names. Unique over all domains, so that no two of them answer for the same name."""

    domain = models.ForeignKey(Domain, models.CASCADE, related_name="all_names")
    name = models.CharField(max_length=MAX_LENGTH, unique=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.CheckConstraint(condition=Q(name__regex=HOST_NAME), name="alias_name_is_a_host_name"),)

    def __str__(self) -> str:
        return self.name


class Source(models.TextChoices):
    ACME = "acme"
    UPLOAD = "upload"


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def visible_to(self, actor: Actor, permission: Permission = Permission.CERTIFICATES_READ) -> CertificateQuerySet:
        """The certificates for whose domain ``actor`` holds ``permission``."""
        keys = whole_projects_with(actor, permission)
        return self if keys is None else self.filter(domain__project__in=keys)


class Certificate(models.Model):
    """One version of a domain's certificate with its private key. Rows are made and never changed."""

    public_id = PublicIdField(prefix="crt")
    domain = models.ForeignKey(Domain, models.CASCADE, related_name="certificates")
    version = models.PositiveIntegerField()
    """Counts from 1 within the domain."""
    source = models.CharField(max_length=8, choices=Source.choices)
    serial = models.CharField(max_length=40)
    """Hexadecimal, as browsers and ``openssl x509 -serial`` show it."""
    fingerprint = models.CharField(max_length=64)
    """SHA-256 of the certificate (DER), hexadecimal."""
    names = models.JSONField()
    """The DNS names on it, as the issuer wrote them."""
    issuer = models.CharField(max_length=255)
    key_type = models.CharField(max_length=16)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    renew_at = models.DateTimeField(db_index=True)
    """When its successor should be asked for (C-03)."""
    chain = models.TextField()
    """PEM: the certificate, then each one's issuer."""
    private_key = models.BinaryField(editable=False)
    """PKCS #8 in PEM, sealed for this row."""
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("domain", "version"), name="certificate_version_is_unique_in_domain"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="certificate_source_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.domain} version {self.version}"

    @property
    def key_context(self) -> bytes:
        """What the sealed private key is bound to."""
        return column("certificates.certificate", self.public_id, "private_key", self.version)

    @property
    def days_left(self) -> int:
        """Whole days until it expires, rounded down; negative once it has."""
        return (self.not_after - clock.now()) // timedelta(days=1)


class AcmeAccount(models.Model):
    """Who Temps is to one issuer (RFC 8555 section 7.1.2): a key, and the URL the issuer knows it by."""

    public_id = PublicIdField(prefix="acc")
    directory_url = models.CharField(max_length=500)
    external_account = models.CharField(max_length=255, blank=True)
    """The key id of the external account binding (RFC 8555 section 7.3.4), where the issuer asks for one."""
    key = models.BinaryField(editable=False)
    """PKCS #8 in PEM, sealed for this row."""
    uri = models.CharField(max_length=500, blank=True)
    """Empty until the issuer has registered the key."""
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("directory_url", "external_account"), name="acme_account_one_an_issuer"),
        )

    def __str__(self) -> str:
        return self.directory_url

    @property
    def key_context(self) -> bytes:
        return column("certificates.acmeaccount", self.public_id, "key")


class Challenge(models.Model):
    """What the issuer has to find over HTTP (RFC 8555 section 8.3), there for the time of one attempt."""

    domain = models.ForeignKey(Domain, models.CASCADE, related_name="challenges")
    attempt = models.CharField(max_length=32)
    token = models.CharField(max_length=255, unique=True)
    key_authorization = models.CharField(max_length=512)
    """Public: the token and the fingerprint of the account's key."""
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.token
