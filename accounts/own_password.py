"""The console's page to change one's own password."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse_lazy
from unfold.forms import AdminOwnPasswordChangeForm

from accounts.errors import TooManyAttempts
from accounts.models import User
from accounts.passwords import LengthValidator
from accounts.services import change_own_password, is_linked
from accounts.throttling import throttle_sign_in
from accounts.views import too_many
from rbac.guards import actor_of
from temps.lib.errors import Conflict


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """Django's, in the words of the other pages."""

    error_messages: ClassVar = {
        **AdminOwnPasswordChangeForm.error_messages,
        "password_incorrect": "That is not your present password.",
        "password_mismatch": "The two passwords differ.",
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, label, hint in (
            ("old_password", "Present password", ""),
            ("new_password1", "New password", LengthValidator().get_help_text()),
            ("new_password2", "New password again", ""),
        ):
            self.fields[name].label, self.fields[name].help_text = label, hint

    def validate_password_for_user(self, user: User, password_field_name: str = "") -> None:
        """What is wrong with the new password stands at the first of the two fields: Django's is the second."""
        super().validate_password_for_user(user, "new_password1")


class OwnPassword(PasswordChangeView):
    """Asks for the present password, and counts the tries like sign-ins: a session that was left open is no place to
    guess it from."""

    form_class = OwnPasswordForm
    template_name = "accounts/own_password.html"
    success_url = reverse_lazy("admin:password_change_done")

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if is_linked(cast(User, request.user)):
            return _kept_elsewhere(request)
        return cast(HttpResponse, super().dispatch(request, *args, **options))

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            throttle_sign_in(request, actor_of(request).label)
        except TooManyAttempts as error:
            return too_many(request, error)
        return super().post(request, *args, **options)

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.user
        try:
            change_own_password(user, form.cleaned_data["new_password1"], actor=actor_of(self.request))
        except Conflict:  # linked at this moment
            return _kept_elsewhere(self.request)
        update_session_auth_hash(self.request, user)
        return HttpResponseRedirect(self.get_success_url())


def _kept_elsewhere(request: HttpRequest) -> HttpResponse:
    """For whoever has the password of a directory."""
    return render(request, "accounts_directory/password_elsewhere.html", status=Conflict.status)
