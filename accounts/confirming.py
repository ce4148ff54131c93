"""Confirming again that it is you, for what step-up asks (``rbac.step_up``): the second factor, or the password of
whoever has none. It is recorded either way, and confirms one session, or one family of tokens, and nothing else."""

from __future__ import annotations

from enum import StrEnum

from django.db import transaction

from accounts.errors import OtpRequired, TooManyAttempts, WrongCode, WrongCredentials
from accounts.hashing import passwords
from accounts.lockout.counting import network_of
from accounts.lockout.services import succeeded
from accounts.mfa.models import Passkey
from accounts.models import TokenFamily, User
from accounts.policy import factors_of
from accounts.sign_in import LONGEST_TRIED
from accounts.totp import Verdict, app_of, verify_code, wait_of
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from rbac.step_up import ASKED
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.errors import Denied, Invalid


class Shown(StrEnum):
    OTP = "otp"
    PASSKEY = "passkey"
    PASSWORD = "password"  # noqa: S105


def asked_of(user: User) -> frozenset[Shown]:
    """What ``user`` can confirm with: a second factor where there is one, else the password. Nothing, for whoever
    always signs in elsewhere, or has recovery codes alone: they sign in again."""
    if not factors_of(user):
        return frozenset({Shown.PASSWORD} if user.has_usable_password() else ())
    passkey = Passkey.objects.filter(user=user).exists()
    return frozenset({Shown.OTP} if app_of(user) else ()) | frozenset({Shown.PASSKEY} if passkey else ())


def confirm(user: User, *, otp: str = "", password: str = "", actor: Actor) -> str:
    """Check what ``user`` shows; the public id of the second factor, empty where it was the password.

    Raises :class:`OtpRequired`, :class:`WrongCode`, :class:`WrongCredentials`, :class:`TooManyAttempts` after wrong
    codes, :class:`Invalid` for whoever has neither, and :class:`Denied` for programs.
    """
    if actor.credential.kind not in ASKED or actor.user_pk != user.pk:
        raise Denied("only a person who is signed in can confirm", actor=actor)
    if not factors_of(user):
        _check_password(user, password, actor)
        succeeded(user, network_of(actor.address))
        note_confirmed(user, "password", actor=actor)
        return ""
    app = app_of(user)
    if app is None:
        raise Invalid("you have no authenticator app: confirm with your passkey in a browser, or sign in again")
    _check_code(user, otp, actor)
    succeeded(user, network_of(actor.address))
    note_confirmed(user, "one-time code", actor=actor)
    return app.public_id


@transaction.atomic
def note_confirmed(user: User, shown: str, *, actor: Actor) -> None:
    """Tell the audit log by what ``user`` confirmed."""
    text = f"{user.email} confirmed who they are by {shown}"
    record(actor, Action.STEP_UP, ("user", user.public_id), text, metadata={"shown": shown})


def confirm_family(user: User, *, otp: str = "", password: str = "", actor: Actor) -> None:
    """Confirm the tokens of one sign-in: those that are out, and those that follow.

    Not one transaction: a wrong code has to count, and would be rolled back with it.
    """
    if actor.credential.kind is not CredentialKind.JWT:
        raise Denied("only a person who is signed in can confirm", actor=actor)
    confirm(user, otp=otp, password=password, actor=actor)
    TokenFamily.objects.filter(public_id=actor.credential.id).update(confirmed_at=clock.now())


def _check_code(user: User, otp: str, actor: Actor) -> None:
    if not otp:
        raise OtpRequired("send the code of your second factor as 'otp'")
    verdict = verify_code(user, otp, actor=actor)
    if verdict is Verdict.THROTTLED:
        raise TooManyAttempts(wait_of(user))
    if verdict is not Verdict.ACCEPTED:
        raise WrongCode("that code is not right, or was used already")


def _check_password(user: User, password: str, actor: Actor) -> None:
    if not user.has_usable_password():
        raise Invalid("you have no password and no second factor here: sign in again")
    with passwords.turn():
        if len(password) <= LONGEST_TRIED and user.check_password(password):
            return
    about, text = ("user", user.public_id), f"{user.email} did not confirm: the password was wrong"
    record_folded(actor, Action.STEP_UP, about, text, result=Result.FAILURE)
    raise WrongCredentials("that is not your password")
