"""The first administrator: made by whoever holds the one-time link that the server prints while there is none."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest

from django.db import transaction
from django.urls import reverse

from accounts.models import SetupLink, User, UserKind
from accounts.services import create_user
from audit.actions import Action
from audit.services import record
from rbac.models import Grant
from rbac.permissions import Permission, PlatformRole
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import NotFound

LIFETIME = timedelta(hours=24)
CLOSED = "this setup link is not valid: it was used, has expired, or a newer one was printed"


def administrator_exists() -> bool:
    """Whether an active person is an administrator of the platform."""
    administrators = Grant.objects.in_force().filter(project=None, role=PlatformRole.ADMIN.value, user__is_active=True)
    return administrators.filter(user__kind=UserKind.PERSON.value).exists()


def setup_url(base_url: str) -> str | None:
    """A fresh setup link under ``base_url`` for ``temps up`` to print, or None once there is an administrator."""
    token = make_setup_link(actor=Actor.operator())
    return None if token is None else base_url.rstrip("/") + reverse("account_setup", args=[token])


@transaction.atomic
def make_setup_link(*, actor: Actor) -> str | None:
    """A new token, valid for a day; the one before is void. None when there is an administrator."""
    require(actor, Permission.USERS_CREATE)
    SetupLink.objects.select_for_update().filter(pk=SetupLink.ONLY).first()
    if administrator_exists():
        return None
    token = secrets.token_urlsafe(32)
    SetupLink.objects.update_or_create(
        pk=SetupLink.ONLY,
        defaults={"token_hash": _hash(token), "expires_at": clock.now() + LIFETIME, "used_at": None},
    )
    record(actor, Action.SETUP_LINK_CREATE, ("setup-link", "first administrator"), "made a setup link, valid for a day")
    return token


def is_open(token: str) -> bool:
    """Whether this token would make the first administrator now."""
    link = SetupLink.objects.filter(pk=SetupLink.ONLY).first()
    return link is not None and _opens(link, token) and not administrator_exists()


def create_first_administrator(token: str, email: str, name: str, password: str, *, origin: Actor) -> User:
    """Spend the link: make the account and give it the platform, in one transaction or not at all.

    ``origin`` is the visitor, who has no rights; what they do is done in the name of the link. Raises
    :class:`NotFound` for a link that is not open. Its row is locked, so that of two visitors one comes too late.
    """
    actor = replace(
        Actor.system("accounts.setup"),
        address=origin.address,
        user_agent=origin.user_agent,
        request_id=origin.request_id,
    )
    with transaction.atomic():
        link = SetupLink.objects.select_for_update().filter(pk=SetupLink.ONLY).first()
        if link is None or not _opens(link, token) or administrator_exists():
            raise NotFound(CLOSED)
        user = create_user(email, password=password, name=name, role=PlatformRole.ADMIN.value, actor=actor)
        link.used_at = clock.now()
        link.save(update_fields=["used_at"])
    return user


def _opens(link: SetupLink, token: str) -> bool:
    same = compare_digest(link.token_hash, _hash(token))
    return same and link.used_at is None and link.expires_at > clock.now()


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8")).hexdigest()
