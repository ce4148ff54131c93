"""Passwords at sign-in, alike for the console and the API: one answer and one amount of work for every failure."""

from __future__ import annotations

from dataclasses import replace

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.directory.errors import DirectoryDown
from accounts.directory.sign_in import user_in_directories
from accounts.hashing import passwords
from accounts.lockout.counting import network_of
from accounts.lockout.services import remember_network, succeeded
from accounts.models import User, UserKind
from accounts.services import clean_email, is_linked
from accounts.ways import Way
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib.actor import Actor
from temps.lib.errors import Invalid

LONGEST_TRIED = 1024
"""Characters; hashing more would only let strangers keep us busy."""


def user_with_password(email: str, password: str, *, actor: Actor) -> User | None:
    """The person whose address and password these are; None, recorded, for whatever else they are.

    An unknown address costs the same as a known one, here and in the directories, and a disabled account answers like a
    wrong password. An imported hash of another kind is upgraded to Argon2id on the way. The password of an account that
    is a directory's is checked there alone. Raises :class:`DirectoryDown`, recorded too, for a failure of any account
    while a directory does not answer, and :class:`Busy` when too many passwords are being tried, or directories asked.
    """
    try:
        email = clean_email(email)
    except Invalid:
        email = ""  # not recorded either: people type their password into the wrong field
    password = password if len(password) <= LONGEST_TRIED else ""
    user = User.objects.filter(email=email).first() if email else None
    try:
        found = _whose(user, email, password, actor)
    except DirectoryDown:
        _record_failure(user, email, actor)
        raise
    if found is None:
        _record_failure(user, email, actor)
        return None
    succeeded(found, network_of(actor.address), email)
    return found


def way_with_password(user: User) -> Way:
    """By which way ``user`` came, whose password was right."""
    return Way.LDAP if is_linked(user) else Way.PASSWORD


def _whose(user: User | None, email: str, password: str, actor: Actor) -> User | None:
    with passwords.turn():
        if user is None or is_linked(user):
            make_password(password)
        elif user.check_password(password) and user.is_active and user.kind == UserKind.PERSON:
            return user
    return user_in_directories(email, password, user=user, actor=actor) if email else None


@transaction.atomic
def record_sign_in(user: User, *, actor: Actor, way: str, factor: str) -> None:
    """Tell the audit log that a sign-in is complete: by which way (``accounts.ways.Way``), and second factor."""
    remember_network(user, network_of(actor.address))
    record(
        actor,
        Action.USER_SIGN_IN,
        ("user", user.public_id),
        f"{user.email} signed in",
        metadata={"way": way, "secondFactor": bool(factor)},
    )


@transaction.atomic
def record_sign_out(user: User, *, actor: Actor) -> None:
    record(actor, Action.USER_SIGN_OUT, ("user", user.public_id), f"{user.email} signed out")


def _record_failure(user: User | None, email: str, actor: Actor) -> None:
    """Under the address that was tried, so that its owner's history shows it, and by nobody: nothing was proven."""
    record_folded(
        replace(actor, label=email),
        Action.USER_SIGN_IN,
        ("user", user.public_id if user else "unknown"),
        f"sign-in refused for {email or 'something that is no address'}",
        metadata={"reason": "disabled" if user and not user.is_active else "wrong address or password"},
        result=Result.FAILURE,
    )
