from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from rbac.permissions import Permission
from rbac.services import allowed
from secrets_vault.sealing import column
from temps.lib import clock
from temps.lib.actor import Actor


class Provider(models.TextChoices):
    SMTP = "smtp", "SMTP server"
    AMAZON_SES = "amazon_ses", "Amazon SES"
    BREVO = "brevo", "Brevo"
    MAILERSEND = "mailersend", "MailerSend"
    MAILGUN = "mailgun", "Mailgun"
    POSTMARK = "postmark", "Postmark"
    RESEND = "resend", "Resend"
    SPARKPOST = "sparkpost", "SparkPost"


class Security(models.TextChoices):
    STARTTLS = "starttls", "STARTTLS"
    TLS = "tls", "TLS from the start"
    NONE = "none", "none"


class MailServerQuerySet(models.QuerySet["MailServer"]):
    def visible_to(self, actor: Actor) -> MailServerQuerySet:
        """It, to whoever may read the settings of the platform."""
        return self if allowed(actor, Permission.SETTINGS_READ) else self.none()


class MailServer(models.Model):
    """Through whom mail goes out. One row at most; without it, the environment's ``EMAIL_HOST`` does, if it is set."""

    ONLY = 1
    audit_identity = "mail-server", "mail"
    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    provider = models.CharField(max_length=12, choices=Provider.choices, default=Provider.SMTP)
    from_email = models.EmailField("from", help_text="The address that messages come from.")
    host = models.CharField(max_length=253, blank=True)
    port = models.PositiveIntegerField(default=587, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    security = models.CharField(max_length=8, choices=Security.choices, default=Security.STARTTLS)
    username = models.CharField("user name", max_length=254, blank=True)
    domain = models.CharField(max_length=253, blank=True)
    region = models.CharField(max_length=32, blank=True)
    api_url = models.CharField("API address", max_length=300, blank=True)
    sealed_secret = models.BinaryField(null=True, editable=False)
    """The password, key or token; bound to the revision."""
    revision = models.PositiveIntegerField(default=0, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    updated_by = models.CharField(max_length=254, editable=False)
    failed_at = models.DateTimeField(null=True, editable=False)
    """When it last did not take a message; none when it has taken one since, or was set anew."""
    last_error = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    """Why, in words of ours."""

    objects = MailServerQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "mail server"
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="mail_server_is_one"),
            models.CheckConstraint(condition=Q(provider__in=Provider.values), name="mail_server_provider_is_known"),
            models.CheckConstraint(condition=Q(security__in=Security.values), name="mail_server_security_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.get_provider_display()} ({self.where})" if self.where else self.get_provider_display()

    @property
    def where(self) -> str:
        """Where it leads, as far as that is not the provider's own address."""
        if self.provider == Provider.SMTP:
            return f"{self.host}:{self.port}" if self.host else ""
        return self.api_url or self.domain or self.region

    @property
    def context(self) -> bytes:
        """What the sealed secret is bound to."""
        return column("accounts_mail.MailServer", str(self.pk), "secret", self.revision)
