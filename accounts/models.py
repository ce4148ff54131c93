from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django_otp.models import Device, ThrottlingMixin

from rbac.permissions import Permission
from rbac.services import allowed
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.ids import PublicIdField


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, actor: Actor) -> UserQuerySet:
        """All accounts for those who may read them; for everyone else their own."""
        if allowed(actor, Permission.USERS_READ):
            return self
        return self.none() if actor.user_pk is None else self.filter(pk=actor.user_pk)


_UserManager = BaseUserManager.from_queryset(UserQuerySet)


class UserManager(_UserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username or "")


class UserKind(models.TextChoices):
    PERSON = "person"
    SERVICE = "service"
    """Owns keys for machines; never signs in."""


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # django-otp is untyped
    """Someone, or something, that holds grants. Authority comes from grants alone: there is no superuser flag."""

    public_id = PublicIdField(prefix="usr")
    email = models.EmailField("email address", unique=True)
    """Stored in lower case."""
    name = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=8, choices=UserKind.choices, default=UserKind.PERSON)
    is_active = models.BooleanField("active", default=True)
    date_joined = models.DateTimeField(default=clock.now, editable=False)
    unlocked_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When an administrator last lifted a lockout: failed sign-ins before that count no more."""

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_is_unique_in_any_case"),)

    def __str__(self) -> str:
        return self.email

    # Django's own permission hooks answer no: rbac decides, and a forgotten check must not open anything.
    is_superuser = False

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin may ask further; ``temps.console`` decides who enters."""
        return self.is_active and self.kind == UserKind.PERSON

    def has_perm(self, _permission: str, _target: Any = None) -> bool:
        return False

    def has_perms(self, _permissions: Any, _target: Any = None) -> bool:
        return False

    def has_module_perms(self, _app_label: str) -> bool:
        return False


class MfaRequirement(models.TextChoices):
    OFF = "off", "nobody"
    ADMINS = "admins", "administrators of the platform"
    EVERYONE = "everyone", "everyone"


class SignUp(models.TextChoices):
    INVITATION = "invitation", "whom somebody invites"
    OPEN = "open", "everyone with an address of these domains"


SIGN_UP_HELP = "Whoever signs up by themselves gets an account without any role."


class SignInPolicy(models.Model):
    """What signing in demands. There is one row at most; without it the defaults hold."""

    ONLY = 1
    audit_identity = "policy", "sign-in"
    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    require_mfa = models.CharField(
        "second factor required of", max_length=8, choices=MfaRequirement.choices, default=MfaRequirement.ADMINS
    )

    magic_links = models.BooleanField(
        "sign-in links by mail",
        default=True,
        db_default=True,
        help_text="Let people sign in by a link; the second factor is asked too.",
    )
    sign_up = models.CharField(
        "who may sign up",
        max_length=10,
        choices=SignUp.choices,
        default=SignUp.INVITATION,
        db_default=SignUp.INVITATION,
        help_text=SIGN_UP_HELP,
    )
    sign_up_domains = models.JSONField("domains that may sign up", default=list, db_default=[], blank=True)
    """Mail domains in lower case; empty for all, where sign-up is open."""
    session_hours = models.PositiveSmallIntegerField(
        "hours a session lasts",
        default=12,
        db_default=12,
        help_text="After this one signs in again, whatever one did meanwhile.",
    )
    session_idle_minutes = models.PositiveSmallIntegerField(
        "minutes a session may be idle",
        default=120,
        db_default=120,
        help_text="A session that is not used for so long ends.",
    )

    class Meta:
        verbose_name = verbose_name_plural = "sign-in policy"
        constraints = (
            models.CheckConstraint(condition=Q(sign_up__in=SignUp.values), name="sign_in_policy_sign_up_is_known"),
            models.CheckConstraint(
                condition=Q(session_hours__range=(1, 24 * 90), session_idle_minutes__range=(5, 60 * 24 * 30)),
                name="sign_in_policy_sessions_end",
            ),
            models.CheckConstraint(condition=Q(id=1), name="sign_in_policy_is_one"),
            models.CheckConstraint(
                condition=Q(require_mfa__in=MfaRequirement.values), name="sign_in_policy_require_mfa_is_known"
            ),
        )

    def __str__(self) -> str:
        return "sign-in policy"


class TotpDevice(ThrottlingMixin, Device):  # type: ignore[misc]
    """An authenticator app (RFC 6238). Unconfirmed until a first code has shown that the app holds the secret."""

    WRONG_CODES_COUNTED = 10
    """The wait doubles with each wrong code in a row, from one second to 2**9 (nine minutes): a guesser has a few
    hundred tries a day against a million codes, and the owner is never locked out for longer."""

    public_id = PublicIdField(prefix="otp")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="totp_devices")
    secret = models.BinaryField(editable=False)
    """Sealed, bound to this row."""
    last_step = models.BigIntegerField(default=-1, editable=False)
    """The time step (30 s each since 1970) of the last code accepted; only later ones pass, so none passes twice."""
    drift = models.SmallIntegerField(default=0, editable=False)
    """Steps by which the app's clock is known to differ from ours."""
    created_at = models.DateTimeField(default=clock.now, editable=False)
    throttling_failure_count: int

    objects: ClassVar[models.Manager[TotpDevice]] = models.Manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "confirmed"), name="totp_device_one_of_each_kind"),)

    def __str__(self) -> str:
        return self.public_id

    def get_throttle_factor(self) -> int:
        return 1

    def throttle_increment(self, commit: bool = True) -> None:
        super().throttle_increment(commit=False)
        self.throttling_failure_count = min(self.throttling_failure_count, self.WRONG_CODES_COUNTED)
        if commit:
            self.save(update_fields=["throttling_failure_timestamp", "throttling_failure_count"])


class SetupLink(models.Model):
    """The one-time link that makes the first administrator. One row at most, so a new link voids the one before."""

    ONLY = 1
    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    token_hash = models.CharField(max_length=64, editable=False)
    """SHA-256 of the token, which has 256 random bits and therefore needs no slow hash."""
    expires_at = models.DateTimeField(editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="setup_link_is_one"),)

    def __str__(self) -> str:
        return "setup link"


class TokenFamily(models.Model):
    """One sign-in over the API and the tokens that came of it: one refresh token at a time, and its access tokens."""

    public_id = PublicIdField(prefix="fam")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="token_families")
    current = models.CharField(max_length=64, editable=False)
    """The id (``jti``) of the only refresh token that is good now; an older one betrays a copy."""
    password_mark = models.CharField(max_length=64, editable=False)
    """Django's session hash of the password at sign-in: a changed password ends the family."""
    factor = models.CharField(max_length=32, blank=True, editable=False)
    """The public id of the second factor that was passed; empty for none."""
    confirmed_at = models.DateTimeField(null=True, editable=False, db_column="second_factor_at")
    """When its owner last showed the second factor, or the password where there is none."""
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(editable=False, db_index=True)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "token families"

    def __str__(self) -> str:
        return self.public_id


class TokenKey(models.Model):
    """A key that signs access and refresh tokens, where they are signed with ES256 (RFC 7518 section 3.4)."""

    public_id = PublicIdField(prefix="jwk")
    """The ``kid`` of the tokens and of the published key."""
    private_key = models.BinaryField(editable=False)
    """PKCS #8, sealed, bound to this row."""
    public_jwk = models.JSONField(editable=False)
    """The public half as ``/.well-known/jwks.json`` shows it (RFC 7517)."""
    created_at = models.DateTimeField(default=clock.now, editable=False)
    retired_at = models.DateTimeField(null=True, editable=False)
    """Since when it signs nothing new."""
    expires_at = models.DateTimeField(null=True, editable=False)
    """When the last token that it signed has expired, and it verifies nothing more."""

    class Meta:
        ordering = ("-id",)
        verbose_name = "token signing key"

    def __str__(self) -> str:
        return self.public_id


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, actor: Actor) -> ApiKeyQuerySet:
        """All keys for those who may read them, one's own otherwise; a key without that scope sees itself alone."""
        if allowed(actor, Permission.API_KEYS_READ):
            return self
        if actor.credential.kind is CredentialKind.API_KEY:
            return self.filter(public_id=actor.credential.id)
        return self.filter(owner_id=actor.user_pk)


class ApiKey(models.Model):
    """A credential for a program, with at most its owner's rights. The secret is shown once and kept as a hash."""

    public_id = PublicIdField(prefix="key")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    """The part of the key that is no secret: it finds the row, and names the key in the hands of whoever finds it."""
    secret_hash = models.CharField(max_length=128, editable=False)
    scopes = models.JSONField(default=list)
    """Permissions by name, in the order of the catalogue."""
    allowed_networks = models.JSONField(default=list, blank=True)
    """Networks in CIDR form that the key may be used from; empty for anywhere."""
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    last_used_ip = models.CharField("last used from", max_length=45, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=254, editable=False)
    """The label of the actor, by value."""
    rotated_at = models.DateTimeField(null=True, editable=False)
    previous_hash = models.CharField(max_length=128, blank=True, editable=False, default="", db_default="")
    """Of the secret before the last rotation, which works until ``previous_expires_at``."""
    previous_expires_at = models.DateTimeField(null=True, editable=False)
    previous_used_at = models.DateTimeField(null=True, editable=False)
    """When the old secret was last used: until this stands still, something has not been given the new one."""
    previous_used_ip = models.CharField(max_length=45, blank=True, editable=False, default="", db_default="")

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def __str__(self) -> str:
        return f"{self.name} (tmp_{self.prefix}_…)"

    def status_at(self, moment: datetime) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= moment else "active"

    def has_old_secret_at(self, moment: datetime) -> bool:
        """Whether the secret before the last rotation still works."""
        return bool(self.previous_hash) and self.previous_expires_at is not None and self.previous_expires_at > moment
