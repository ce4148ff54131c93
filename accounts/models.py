from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from temps.lib import clock
from temps.lib.ids import PublicIdField


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username or "")


class UserKind(models.TextChoices):
    PERSON = "person"
    SERVICE = "service"
    """Owns keys for machines; never signs in."""


class User(AbstractBaseUser):
    """Someone, or something, that holds grants. Authority comes from grants alone: there is no superuser flag."""

    public_id = PublicIdField(prefix="usr")
    email = models.EmailField("email address", unique=True)
    """Stored in lower case."""
    name = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=8, choices=UserKind.choices, default=UserKind.PERSON)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=clock.now, editable=False)

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
