"""One's own second factors, under Security: every role may have them. What changes them asks again who is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.forms import CodeForm
from accounts.mfa.ceremonies import add_passkey, begin_passkey
from accounts.mfa.challenges import Purpose
from accounts.mfa.drawing import refusal, secret_to_show
from accounts.mfa.factors import list_factors, own_factor, remove_factor, rename_factor
from accounts.mfa.forms import NameForm
from accounts.mfa.own_codes import renew_own_codes
from accounts.mfa.passkeys import MOST
from accounts.mfa.recovery import recovery_codes_of
from accounts.mfa.sign_in_pages import as_options
from accounts.models import User
from accounts.policy import mfa_required_of
from accounts.sessions import confirmed_factor, mark_confirmed
from accounts.totp import Verdict, app_of, begin_enrolment, confirm_enrolment, pending_enrolment
from rbac.console import TO_FILL_IN, ask_to_confirm
from rbac.guards import actor_of
from rbac.step_up import RECENT, StepUpRequired, is_recent
from temps.lib.actor import Actor
from temps.lib.errors import TempsError, Unauthenticated

OwnView = Callable[..., HttpResponse]
_ENROLMENT = "app_enrolment"


def own_page(view: OwnView) -> OwnView:
    """For whoever is signed in, about themselves; what a service refuses is told on the overview."""

    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters()
    def guarded(request: HttpRequest, **given: str) -> HttpResponse:
        actor = actor_of(request)
        if not actor.is_authenticated:
            return redirect("account_login")
        try:
            return view(request, cast(User, request.user), actor, **given)
        except StepUpRequired:
            return ask_to_confirm(request)
        except TempsError as error:
            messages.error(request, error.public_message)
            return redirect("account_security")

    return guarded


def confirmed_page(view: OwnView) -> OwnView:
    """As :func:`own_page`, having confirmed before there is anything to fill in."""

    @own_page
    def guarded(request: HttpRequest, user: User, actor: Actor, **given: str) -> HttpResponse:
        # Whoever came by a recovery code has nothing to confirm with: they have all of their ten minutes.
        left = timedelta() if _by_recovery_code(request, user) else TO_FILL_IN
        if request.method != "POST" and not is_recent(actor, left=left):
            return ask_to_confirm(request)
        return view(request, user, actor, **given)

    return guarded


def _by_recovery_code(request: HttpRequest, user: User) -> bool:
    codes = recovery_codes_of(user)
    return codes is not None and confirmed_factor(request.session, user) == codes.public_id


@own_page
def overview(request: HttpRequest, user: User, actor: Actor) -> HttpResponse:
    factors = list_factors(user)
    context = {
        "title": "Security",
        "factors": factors,
        "has_app": app_of(user) is not None,
        "may_add_passkey": sum(factor.kind == "passkey" for factor in factors) < MOST,
        "passed": confirmed_factor(request.session, user),
        "is_required": mfa_required_of(user),
        "codes": recovery_codes_of(user) if factors else None,
        "by_recovery_code": _by_recovery_code(request, user),
        "changes_until": actor.confirmed_at + RECENT if actor.confirmed_at and is_recent(actor) else None,
    }

    def shown(request: HttpRequest) -> HttpResponse:
        return TemplateResponse(request, "accounts_mfa/security.html", {**admin.site.each_context(request), **context})

    return admin.site.admin_view(shown)(request)


@confirmed_page
def app(request: HttpRequest, user: User, actor: Actor) -> HttpResponse:
    """Enrol an authenticator app; where there is one, the new one takes its place with its first code."""
    if request.method == "POST" and "code" not in request.POST:
        begun = begin_enrolment(user, actor=actor, replacing=True)
        request.session[_ENROLMENT] = begun.public_id
        return redirect("account_security_app")
    device = pending_enrolment(user, request.session.get(_ENROLMENT, ""))
    if device is None:
        return redirect("account_security")
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        is_first, replaced = not list_factors(user), app_of(user)
        verdict = confirm_enrolment(user, device.public_id, form.cleaned_data["code"], actor=actor)
        if verdict is Verdict.ACCEPTED:
            del request.session[_ENROLMENT]
            if is_first or (replaced and confirmed_factor(request.session, user) == replaced.public_id):
                mark_confirmed(request.session, user, device.public_id)  # whose code was shown just now
            return _added(request, user, "The authenticator app is set up.", is_first=is_first)
        device.refresh_from_db()
        form.add_error("code", refusal(verdict, 1))
    context = {**secret_to_show(device), "form": form, "user_email": user.email, "replaces": app_of(user) is not None}
    return render(request, "accounts_mfa/app.html", context)


@confirmed_page
def passkey(request: HttpRequest, user: User, actor: Actor) -> HttpResponse:
    form = NameForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "user_email": user.email}
    if form.is_valid():
        is_first = not list_factors(user)
        try:
            response = request.POST.get("credential", "")
            made = add_passkey(request, user, response, form.cleaned_data["name"], actor=actor)
        except StepUpRequired:
            raise
        except TempsError as error:
            context["passkey_error"] = error.public_message
        else:
            if is_first:
                mark_confirmed(request.session, user, made.public_id)  # which verified them just now
            return _added(request, user, f"The passkey “{made.name}” is set up.", is_first=is_first)
    return render(request, "accounts_mfa/passkey.html", context)


@as_options
def passkey_options(request: HttpRequest) -> dict[str, Any]:
    return begin_passkey(request, Purpose.ADD, _signed_in(request))


@as_options
def confirm_options(request: HttpRequest) -> dict[str, Any]:
    """For the page that asks again who is there."""
    return begin_passkey(request, Purpose.CONFIRM, _signed_in(request))


def _signed_in(request: HttpRequest) -> User:
    if not actor_of(request).is_authenticated:
        raise Unauthenticated("sign in first")
    return cast(User, request.user)


@own_page
def recovery_codes(request: HttpRequest, user: User, actor: Actor) -> HttpResponse:
    """New codes, in the answer to the button itself: for a page after it they would have to be stored."""
    if request.method != "POST":
        return redirect("account_security")
    return _codes_page(request, user, actor)


@own_page
def rename(request: HttpRequest, user: User, actor: Actor, factor_id: str) -> HttpResponse:
    factor = own_factor(user, factor_id, actor=actor)
    form = NameForm(request.POST if request.method == "POST" else None, initial={"name": factor.name})
    if form.is_valid():
        rename_factor(user, factor_id, form.cleaned_data["name"], actor=actor)
        return redirect("account_security")
    return render(request, "accounts_mfa/rename.html", {"form": form, "factor": factor})


@confirmed_page
def remove(request: HttpRequest, user: User, actor: Actor, factor_id: str) -> HttpResponse:
    factor = own_factor(user, factor_id, actor=actor)
    if request.method == "POST":
        remove_factor(user, factor_id, actor=actor)
        messages.success(request, f"Removed {factor.called}.")
        return redirect("account_security")
    context = {
        "factor": factor,
        "is_last": len(list_factors(user)) == 1,
        "is_required": mfa_required_of(user),
        "is_ours": confirmed_factor(request.session, user) == factor_id,
    }
    return render(request, "accounts_mfa/remove.html", context)


def _added(request: HttpRequest, user: User, said: str, *, is_first: bool) -> HttpResponse:
    """After the first factor the recovery codes, which nobody has made yet."""
    messages.success(request, said)
    if is_first:
        return _codes_page(request, user, actor_of(request))
    return redirect("account_security")


def _codes_page(request: HttpRequest, user: User, actor: Actor) -> HttpResponse:
    codes = renew_own_codes(request, user, actor=actor)
    context = {"codes": codes, "user_email": user.email, "next_label": "I have kept them", "is_own": True}
    return render(request, "accounts_mfa/recovery_codes.html", context)
