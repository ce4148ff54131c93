"""Links sent by mail, and what the long-lived ones among them are about: invitations and changes of address."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from rbac.permissions import Permission
from rbac.services import whole_projects_with
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.ids import PublicIdField

NEXT_PAGE_LIMIT = 500
"""Characters of a page's path and query that are kept."""


class Purpose(models.TextChoices):
    SIGN_IN = "sign_in"
    RESET = "reset"
    """A new password for whoever forgot theirs."""
    SIGN_UP = "sign_up"
    INVITATION = "invitation"
    EMAIL_NEW = "email_new"
    """To the address that an account is to have."""
    EMAIL_OLD = "email_old"
    """To the address that it has."""


class InvitationState(models.TextChoices):
    PENDING = "pending"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, actor: Actor) -> InvitationQuerySet:
        """Those of the scopes in which ``actor`` holds ``roles:read``."""
        keys = whole_projects_with(actor, Permission.ROLES_READ)
        return self if keys is None else self.filter(project_id__in=keys)


class Invitation(models.Model):
    """An account, and a role with it, offered to an address. The role is given with the rights that the inviter has
    when it is accepted."""

    public_id = PublicIdField(prefix="inv")
    email = models.EmailField()
    role = models.CharField(max_length=32, blank=True)
    """On the project, or on the platform where there is none; empty for an account alone."""
    project = models.ForeignKey("projects.Project", models.CASCADE, null=True, blank=True, related_name="invitations")
    inviter = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    by_operator = models.BooleanField(default=False, editable=False)
    """Invited on the machine itself, with the rights of its operator."""
    created_by = models.CharField(max_length=254, editable=False)
    """The label of the inviter, by value."""
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("email", "project"),
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_one_to_a_project",
            ),
            models.UniqueConstraint(
                fields=("email",),
                condition=Q(accepted_at=None, withdrawn_at=None, project=None),
                name="invitation_one_to_the_platform",
            ),
        )

    def __str__(self) -> str:
        return f"{self.email} ({self.offer})"

    @property
    def scope(self) -> str:
        return str(self.project) if self.project is not None else "platform"

    @property
    def offer(self) -> str:
        """What is offered, for people."""
        return f"{self.role} on {self.scope}" if self.role else "an account"

    @property
    def state(self) -> InvitationState:
        if self.accepted_at is not None:
            return InvitationState.ACCEPTED
        if self.withdrawn_at is not None:
            return InvitationState.WITHDRAWN
        return InvitationState.EXPIRED if self.expires_at <= clock.now() else InvitationState.PENDING


class EmailChange(models.Model):
    """Another address for an account, once both addresses have agreed."""

    public_id = PublicIdField(prefix="emc")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="email_changes")
    old_email = models.EmailField()
    new_email = models.EmailField()
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(editable=False)
    old_agreed_at = models.DateTimeField(null=True, editable=False)
    new_agreed_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    """When it was done, stopped, or replaced by a newer one."""

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("user",), condition=Q(ended_at=None), name="email_change_one_at_a_time"),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and self.expires_at > clock.now()


class EmailLink(models.Model):
    """A link that was asked for. Whom it leads to, if anybody, is found out when it is sent and not when it is asked
    for; its token exists in the message alone."""

    public_id = PublicIdField(prefix="lnk")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    email = models.EmailField()
    """Where it is sent."""
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="email_links")
    invitation = models.ForeignKey(Invitation, models.CASCADE, null=True, related_name="links")
    change = models.ForeignKey(EmailChange, models.CASCADE, null=True, related_name="links")
    token_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)
    """SHA-256 of the token, which has 256 random bits."""
    browser_hash = models.CharField(max_length=64, blank=True, editable=False)
    """SHA-256 of what a cookie of the asking browser holds; empty for a link that nobody asked for themselves."""
    wrong_codes = models.PositiveSmallIntegerField(default=0, editable=False)
    """Wrong codes that were tried in another browser."""
    account_mark = models.CharField(max_length=64, blank=True, editable=False)
    """Django's session hash of the account: a changed password voids the link."""
    base_url = models.CharField(max_length=300, editable=False)
    """Where the console was when it was asked for."""
    next_page = models.CharField(max_length=NEXT_PAGE_LIMIT, blank=True, db_default="", editable=False)
    """The page of this site that was wanted when it was asked for; empty for the front page."""
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(editable=False, db_index=True)
    claimed_at = models.DateTimeField(null=True, editable=False)
    """When somebody last set out to send it."""
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    """How often somebody set out to send it."""
    again_at = models.DateTimeField(null=True, editable=False)
    """Before when nobody else sets out; none before the first try."""
    last_error = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    """Why the last try did not send it, in words of ours."""
    sent_at = models.DateTimeField(null=True, editable=False)
    """When the mail server took it, or it was found to lead to nobody."""
    used_at = models.DateTimeField(null=True, editable=False)
    """When it was used, or voided by a newer one."""
    address = models.CharField(max_length=45, blank=True, editable=False)
    network = models.CharField(max_length=49, blank=True, editable=False)
    browser = models.CharField(max_length=60, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("email", "purpose", "-id"), name="email_link_by_address"),)
        constraints = (
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="email_link_purpose_is_known"),
        )

    def __str__(self) -> str:
        return self.public_id
