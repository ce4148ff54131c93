"""Passwords at sign-in, alike for the console and the API: one answer and one amount of work for every failure."""

from __future__ import annotations

from dataclasses import replace

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.models import User, UserKind
from accounts.services import clean_email
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib.actor import Actor
from temps.lib.errors import Invalid

LONGEST_TRIED = 1024
"""Characters; hashing more would only let strangers keep us busy."""


def user_with_password(email: str, password: str, *, actor: Actor) -> User | None:
    """The person whose address and password these are; None, recorded, for whatever else they are.

    An unknown address costs the same hash as a known one, and a disabled account answers like a wrong password. An
    imported hash of another kind is upgraded to Argon2id on the way.
    """
    try:
        email = clean_email(email)
    except Invalid:
        email = ""  # not recorded either: people type their password into the wrong field
    password = password if len(password) <= LONGEST_TRIED else ""
    user = User.objects.filter(email=email).first() if email else None
    if user is None:
        make_password(password)
    elif user.check_password(password) and user.is_active and user.kind == UserKind.PERSON:
        return user
    _record_failure(user, email, actor)
    return None


@transaction.atomic
def record_sign_in(user: User, *, actor: Actor, way: str, factor: str) -> None:
    """Tell the audit log that a sign-in is complete: by which way (``accounts.ways.Way``), and second factor."""
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
