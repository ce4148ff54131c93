"""The stages between a right password (or link, or account elsewhere) and a session. Until they are passed nobody is
signed in.

A stage belongs to the password that began it: should the password change meanwhile, the sign-in starts again.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import cast

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect

from accounts.models import User
from accounts.policy import factors_of, mfa_required_of, satisfied
from accounts.sessions import confirmed_factor, mark_confirmed, origin, without_rights
from accounts.totp import begin_enrolment
from temps.lib.actor import Actor


class SignInStage(LoginStage):  # type: ignore[misc]
    """What the stages share. ``state`` is kept in the session between requests."""

    urlname: str

    @property
    def user(self) -> User:
        return cast(User, self.login.user)

    @property
    def actor(self) -> Actor:
        return without_rights(self.user, Actor.anonymous(**origin(self.request)))

    def is_asked(self) -> bool:
        return True

    def begin(self) -> None:
        """Prepare the stage, before its state is kept."""
        self.state["password_mark"] = self.user.get_session_auth_hash()

    def handle(self) -> tuple[HttpResponse | None, bool]:
        if not self.is_asked():
            return None, True
        self.begin()
        # Whoever knew the visitor's session before must not find themselves behind the visitor's password.
        self.request.session.cycle_key()
        return redirect(self.urlname), True

    def still_valid(self) -> bool:
        user = self.login.user
        if not isinstance(user, User) or not user.is_active:
            return False
        return compare_digest(self.state.get("password_mark", ""), user.get_session_auth_hash())

    def has_passed(self) -> bool:
        """Whether the way in was itself a second factor, such as a passkey that verified its user."""
        factor = confirmed_factor(self.request.session, self.user)
        return bool(factor) and satisfied(self.user, factor or "")

    def passed(self, factor: str) -> HttpResponse:
        """Note the second factor and go on: to the next stage, or to the session."""
        mark_confirmed(self.request.session, self.user, factor)
        answer: HttpResponse = self.exit()
        return answer


class FactorStage(SignInStage):
    """Asks for a second factor, of whoever has one: a code of the app, a passkey, or a recovery code."""

    key = "factor"
    urlname = "account_factor"

    def is_asked(self) -> bool:
        return bool(factors_of(self.user)) and not self.has_passed()


class EnrolStage(SignInStage):
    """Has an authenticator app or a passkey enrolled, where the policy asks for a factor and there is none."""

    key = "enrol"
    urlname = "account_enrol"

    def is_asked(self) -> bool:
        return not factors_of(self.user) and mfa_required_of(self.user)

    def begin(self) -> None:
        super().begin()
        self.state["device"] = begin_enrolment(self.user, actor=self.actor).public_id

    def passed(self, factor: str) -> HttpResponse:
        self.state["enrolled"] = True
        return super().passed(factor)


class RecoveryStage(SignInStage):
    """Shows the recovery codes to whoever has just enrolled their first factor."""

    key = "recovery"
    urlname = "account_recovery_codes"

    def is_asked(self) -> bool:
        enrolment = self.controller.state.get(EnrolStage.key) or {}
        return bool((enrolment.get("data") or {}).get("enrolled"))
