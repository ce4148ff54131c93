"""A code as a program sends it at sign-in: of the authenticator app, or a recovery code."""

from __future__ import annotations

from accounts.errors import TooManyAttempts, WrongCode
from accounts.mfa.recovery import looks_like_one, recovery_codes_of, use_recovery_code, wait_for_recovery
from accounts.models import User
from accounts.totp import Verdict, app_of, verify_code, wait_of
from temps.lib.actor import Actor


def factor_shown_by(user: User, text: str, *, actor: Actor) -> str:
    """The public id of the factor that ``text`` is a code of. Raises :class:`WrongCode` and, too soon after wrong ones,
    :class:`TooManyAttempts`."""
    if looks_like_one(text):
        factor, verdict = recovery_codes_of(user), use_recovery_code(user, text, actor=actor)
        wait = wait_for_recovery(user)
    else:
        factor, verdict = app_of(user), verify_code(user, text, actor=actor)
        wait = wait_of(user)
    if verdict is Verdict.THROTTLED:
        raise TooManyAttempts(wait)
    if verdict is not Verdict.ACCEPTED or factor is None:
        raise WrongCode("that code is not right, or was used already")
    return str(factor.public_id)
