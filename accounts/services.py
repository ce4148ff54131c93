"""Who exists: making accounts and speaking for them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.browser_sessions.services import end_sessions_of
from accounts.directory.models import DirectoryAccount
from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.models import User, UserKind
from audit.actions import Action
from audit.services import record
from rbac.permissions import Permission
from rbac.services import assign_role, known_role, refuse_last_of, require
from rbac.step_up import require_recent
from temps.lib.actor import Actor, ActorKind, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, NotFound


def actor_for(
    user: User,
    credential: Credential,
    *,
    address: str | None = None,
    user_agent: str = "",
    request_id: str = "",
    confirmed_at: datetime | None = None,
) -> Actor:
    """The actor that ``user`` is when they come with ``credential``."""
    return Actor(
        ActorKind.SERVICE if user.kind == UserKind.SERVICE else ActorKind.USER,
        id=user.public_id,
        label=user.email,
        user_pk=user.pk,
        address=address,
        user_agent=user_agent,
        request_id=request_id,
        credential=credential,
        confirmed_at=confirmed_at,
    )


def user_by_email(email: str) -> User:
    """The account with this address, in any case. Raises :class:`NotFound`."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise NotFound(f"there is no user {email.strip()}")
    return user


def user_by_id(public_id: str, *, actor: Actor) -> User:
    """The account with this id, if ``actor`` may see it. Raises :class:`NotFound`."""
    user = User.objects.visible_to(actor).filter(public_id=public_id).first()
    if user is None:
        raise NotFound(f"there is no user '{public_id}'")
    return user


def visible_user_by_email(email: str, *, actor: Actor) -> User:
    """The account with this address, if ``actor`` may see it. Raises :class:`NotFound`."""
    user = User.objects.visible_to(actor).filter(email=email.strip().lower()).first()
    if user is None:
        raise NotFound(f"there is no user '{email.strip()}'")
    return user


def clean_email(email: str) -> str:
    """``email`` in the form it is stored in. Raises :class:`Invalid`."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid(f"'{email}' is not an email address", field="email") from None
    return email


def clean_name(name: str) -> str:
    name = name.strip()
    if len(name) > 120 or not name.isprintable():
        raise Invalid("a name has at most 120 characters, all of them printable", field="name")
    return name


def check_password_quality(password: str, user: User | None = None) -> None:
    """Raise :class:`Invalid` with what to change about the password."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from None


@transaction.atomic
def create_user(
    email: str,
    *,
    actor: Actor,
    password: str | None = None,
    name: str = "",
    kind: UserKind = UserKind.PERSON,
    role: str = "",
) -> User:
    """Make an account, with a role on the platform if one is named. Without a password it cannot sign in with one."""
    require(actor, Permission.USERS_CREATE)
    if role:
        known_role(role, on_project=False)
    user = User(email=clean_email(email), name=clean_name(name), kind=kind)
    if password is None:
        user.set_unusable_password()
    else:
        check_password_quality(password, user)
        user.set_password(password)
    if User.objects.filter(email=user.email).exists():
        raise Conflict(f"there is a user {user.email} already", field="email")
    user.save()
    record(actor, Action.USER_CREATE, ("user", user.public_id), f"created the {kind.value} {user.email}")
    if role:
        assign_role(user, role, actor=actor)
    return user


@transaction.atomic
def set_active(user: User, active: bool, *, actor: Actor) -> User:
    """Disable an account, or enable it again. Its sessions, tokens and keys follow from the next request. Whom a person
    disables, no directory enables."""
    require(actor, Permission.USERS_UPDATE)
    # Whoever does it decides from now on, also where a directory had disabled the account before. First of all, for the
    # lock: the recheck of a directory holds this row while it does the same.
    DirectoryAccount.objects.filter(user=user).update(gone_at=None)
    if not active:
        # In one order, so that the locks of two such changes do not cross.
        for grant in user.grants.select_related("project").order_by("project_id"):
            refuse_last_of(grant)
    user.is_active = active
    user.save(update_fields=["is_active"])
    verb = "enabled" if active else "disabled"
    record(actor, Action.USER_UPDATE, ("user", user.public_id), f"{verb} {user.email}", metadata={"active": active})
    if not active:
        end_sessions_of(user, reason="the account was disabled", actor=actor)
    return user


def is_linked(user: User) -> bool:
    """Whether a directory checks the password of ``user``, and nothing else does."""
    return DirectoryAccount.objects.filter(user=user).exists()


def require_own_password(user: User) -> None:
    """Raise :class:`Conflict` where a directory checks the password of ``user``: one that is kept here would go past it
    on the day when the account is unlinked. The row is locked, so that nobody links it before the password is set."""
    User.objects.select_for_update().get(pk=user.pk)
    if is_linked(user):
        raise Conflict(f"a directory checks the password of {user.email}: change it there, or unlink the account first")


@transaction.atomic
def change_own_password(user: User, password: str, *, actor: Actor) -> User:
    """Give oneself a new password, once a face has checked the present one. Other sessions and all tokens end.
    Raises :class:`Conflict` for an account of a directory."""
    if actor.id != user.public_id or actor.credential.kind is not CredentialKind.SESSION:
        raise Denied("a password is changed by its owner alone, in a browser", actor=actor)
    require_own_password(user)
    check_password_quality(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(actor, Action.USER_PASSWORD_CHANGE, ("user", user.public_id), f"{user.email} changed their password")
    tell(user, Text.PASSWORD_CHANGED, actor=actor)
    end_sessions_of(user, but=actor.credential.id, reason="the password was changed", actor=actor)
    return user


@transaction.atomic
def set_password(user: User, password: str, *, actor: Actor) -> User:
    """Give ``user`` a new password, for someone who lost theirs. Their sessions and tokens end at once. Raises
    :class:`Conflict` for an account of a directory."""
    if actor.credential.kind is CredentialKind.API_KEY:
        raise Denied("an API key cannot set anybody's password", actor=actor)
    require(actor, Permission.USERS_UPDATE)
    require_recent(actor)
    if user.kind != UserKind.PERSON:
        raise Invalid(f"{user.email} is a service: it has API keys and no password", field="email")
    require_own_password(user)
    check_password_quality(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(actor, Action.USER_PASSWORD_CHANGE, ("user", user.public_id), f"set the password of {user.email}")
    tell(user, Text.PASSWORD_CHANGED, actor=actor)
    end_sessions_of(user, reason="the password was changed", actor=actor)
    return user
