"""The page that asks again who is there, before something that is hard to undo (``accounts.confirming``)."""

from __future__ import annotations

from typing import cast

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.confirming import Shown, asked_of, confirm, note_confirmed
from accounts.errors import TooManyAttempts, WrongCode
from accounts.forms import CodeForm, Described, PasswordForm
from accounts.mfa.ceremonies import verify_passkey
from accounts.mfa.drawing import refusal
from accounts.models import User
from accounts.sessions import mark_confirmed
from accounts.throttling import throttle_sign_in
from accounts.totp import Verdict
from accounts.views import too_many
from rbac.guards import actor_of
from temps.lib.errors import TempsError

FORMS: dict[Shown, type[Described]] = {Shown.OTP: CodeForm, Shown.PASSWORD: PasswordForm}
FIELDS = {Shown.OTP: "code", Shown.PASSWORD: "password"}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def confirm_page(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor, or the password, and go back to where it was needed."""
    if not actor_of(request).is_authenticated:
        return redirect("account_login")
    user, here = cast(User, request.user), _next(request)
    asked = asked_of(user)
    chosen = next((shown for shown in FORMS if shown in asked), None)
    sent = request.POST if request.method == "POST" else None
    form = FORMS[chosen](sent if sent and "credential" not in sent else None) if chosen else None
    context = {"form": form, "asked": asked, "user_email": user.email, "next": here}
    try:
        if sent is not None and asked:
            throttle_sign_in(request, user.email)
            if _confirms(request, user, form, chosen):
                return redirect(here)
    except TooManyAttempts as error:
        return too_many(request, error)
    except TempsError as error:
        if form is not None and form.is_bound:
            said = refusal(Verdict.WRONG, 0) if isinstance(error, WrongCode) else error.message
            form.add_error(None if chosen is None else FIELDS[chosen], said)
        else:
            context["passkey_error"] = error.public_message
    return render(request, "account/confirm.html", context)


def _confirms(request: HttpRequest, user: User, form: Described | None, chosen: Shown | None) -> bool:
    """Whether what was sent is right; then the session is confirmed, under a new id that nobody else knows."""
    actor = actor_of(request)
    if "credential" in request.POST:
        factor = verify_passkey(request, user, request.POST["credential"], actor=actor).public_id
        note_confirmed(user, "passkey", actor=actor)
    elif form is not None and chosen is not None and form.is_valid():
        factor = confirm(user, **{chosen.value: form.cleaned_data[FIELDS[chosen]]}, actor=actor)
    else:
        return False
    mark_confirmed(request.session, user, factor)
    request.session.cycle_key()
    return True


def _next(request: HttpRequest) -> str:
    """Where to go back to: an address of this site, else the console."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else reverse("admin:index")
