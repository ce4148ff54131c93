"""What django-allauth asks of us: how a password is checked, which stages a sign-in has, and what its ends record."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib.auth import login as start_session
from django.contrib.auth import logout as end_session
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.directory.errors import DirectoryDown
from accounts.models import User
from accounts.providers.groups import forget_unproven
from accounts.services import actor_for
from accounts.sessions import confirmed_factor, mark_confirmed, origin, session_credential
from accounts.sign_in import record_sign_in, record_sign_out, user_with_password
from accounts.ways import way_of
from temps.lib.actor import Actor
from temps.lib.request import of

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "That address and password do not belong together."
    }

    def get_login_stages(self) -> list[str]:
        stages = [f"accounts.stages.{stage}" for stage in ("FactorStage", "EnrolStage", "RecoveryStage")]
        return [*stages, "accounts.privacy.stage.ConsentStage"]

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        actor = Actor.anonymous(**origin(request))
        try:
            return user_with_password(credentials.get("email", ""), credentials.get("password", ""), actor=actor)
        except DirectoryDown as error:
            raise ValidationError(error.message) from None

    def login(self, request: HttpRequest, user: User) -> None:
        """Every stage is passed: start the session, unless the account was disabled on the way."""
        password = user.get_session_auth_hash()
        user.refresh_from_db()
        # Nor does a password count that was changed while its sign-in waited for something.
        if not user.is_active or not compare_digest(password, user.get_session_auth_hash()):
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        way, groups_of = way_of(request, user)
        forget_unproven(user, proven_by=groups_of, actor=Actor.anonymous(**origin(request)))
        start_session(request, user, backend=BACKEND)
        factor = confirmed_factor(request.session, user)
        if factor is None:
            mark_confirmed(request.session, user, "")
        actor = actor_for(user, session_credential(request), **origin(request))
        record_sign_in(user, actor=actor, way=way, factor=factor or "")

    def logout(self, request: HttpRequest) -> None:
        user, credential = request.user, session_credential(request)
        end_session(request)
        if isinstance(user, User):
            record_sign_out(user, actor=actor_for(user, credential, **origin(request)))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return redirect("account_login")

    def get_client_ip(self, request: HttpRequest) -> str:
        return of(request).client_address

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """Programs have the API; the pages answer people alone."""
        return False

    def add_message(self, *_args: Any, **_options: Any) -> None:
        """No "you have signed in" above the console: one sees that."""
