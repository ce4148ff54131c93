"""The second factor at sign-in: shown, enrolled, and a passkey in place of everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from allauth.account.internal.stagekit import get_pending_stage
from allauth.account.stages import LoginStageController
from allauth.account.utils import get_next_redirect_url
from django.contrib.auth import logout as end_session
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import TooManyAttempts
from accounts.forms import CodeForm
from accounts.mfa.ceremonies import add_passkey, begin_passkey, verify_passkey
from accounts.mfa.challenges import Purpose
from accounts.mfa.drawing import recovery_refusal, refusal, secret_to_show
from accounts.mfa.forms import PasskeyForm, RecoveryForm
from accounts.mfa.models import Passkey
from accounts.mfa.recovery import make_recovery_codes, recovery_codes_of, use_recovery_code, wait_for_recovery
from accounts.sessions import origin
from accounts.stages import EnrolStage, FactorStage, RecoveryStage, SignInStage
from accounts.throttling import throttle_address
from accounts.totp import Verdict, app_of, confirm_enrolment, pending_enrolment, verify_code, wait_of
from accounts.views import too_many
from accounts.ways import Way, enter
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, NotFound, TempsError

StageView = Callable[[HttpRequest, Any], HttpResponse]
PER_ADDRESS = "30/m"


def in_stage(stage_class: type[SignInStage]) -> Callable[[StageView], Callable[[HttpRequest], HttpResponse]]:
    """Only for a sign-in that stands at this stage; one at another goes there, and everyone else begins anew."""

    def decorate(view: StageView) -> Callable[[HttpRequest], HttpResponse]:
        @never_cache
        @require_http_methods(["GET", "HEAD", "POST"])
        @sensitive_post_parameters()
        def guarded(request: HttpRequest) -> HttpResponse:
            stage = None if request.user.is_authenticated else LoginStageController.enter(request, stage_class.key)
            if stage is None:
                pending = get_pending_stage(request)
                return redirect(pending.urlname if pending else "account_login")
            if not stage.still_valid():
                return cast(HttpResponse, stage.abort())
            return view(request, stage)

        return guarded

    return decorate


@in_stage(FactorStage)
def second_factor(request: HttpRequest, stage: FactorStage) -> HttpResponse:
    """The code of the authenticator app, a passkey, or a recovery code: whichever the person has."""
    user, sent = stage.user, request.POST if request.method == "POST" else None
    code = CodeForm(sent if sent and "code" in sent else None)
    recovery = RecoveryForm(sent if sent and "recovery_code" in sent else None)
    context: dict[str, Any] = {"user_email": user.email, "form": code, "recovery": recovery}
    if recovery.is_bound:  # and comes back, if at all, with what is wrong
        code.fields["code"].widget.attrs.pop("autofocus")
        recovery.fields["recovery_code"].widget.attrs["autofocus"] = True
    factor = ""
    if code.is_valid():
        factor = _by_code(stage, code)
    elif recovery.is_valid():
        factor = _by_recovery_code(stage, recovery)
    elif sent and "credential" in sent:
        try:
            factor = _by_passkey(request, stage)
        except TempsError as error:
            context["passkey_error"] = error.public_message
    if factor:
        return stage.passed(factor)
    codes = recovery_codes_of(user)
    context |= {
        "has_app": app_of(user) is not None,
        "has_passkey": Passkey.objects.filter(user=user).exists(),
        "has_codes": codes is not None and codes.left > 0,
    }
    return render(request, "accounts_mfa/second_factor.html", context)


def _by_code(stage: FactorStage, form: CodeForm) -> str:
    device = app_of(stage.user)
    verdict = verify_code(stage.user, form.cleaned_data["code"], actor=stage.actor)
    if verdict is Verdict.ACCEPTED and device is not None:
        return str(device.public_id)
    form.add_error("code", refusal(verdict, wait_of(stage.user)))
    return ""


def _by_recovery_code(stage: FactorStage, form: RecoveryForm) -> str:
    codes = recovery_codes_of(stage.user)
    verdict = use_recovery_code(stage.user, form.cleaned_data["recovery_code"], actor=stage.actor)
    if verdict is Verdict.ACCEPTED and codes is not None:
        return codes.public_id
    form.add_error("recovery_code", recovery_refusal(verdict, wait_for_recovery(stage.user)))
    return ""


def _by_passkey(request: HttpRequest, stage: FactorStage) -> str:
    throttle_address(request, "passkey.use", PER_ADDRESS)
    response, user = request.POST["credential"], stage.user
    return verify_passkey(request, user, response, actor=stage.actor, purpose=Purpose.SECOND_FACTOR).public_id


@in_stage(EnrolStage)
def enrol(request: HttpRequest, stage: EnrolStage) -> HttpResponse:
    """The first factor: the secret of an authenticator app and its first code, or a passkey."""
    user = stage.user
    device = pending_enrolment(user, stage.state.get("device", ""))
    if device is None:
        return cast(HttpResponse, stage.abort())
    sent = request.POST if request.method == "POST" else None
    form, context = CodeForm(sent if sent and "code" in sent else None), {"user_email": user.email}
    try:
        if form.is_valid():
            verdict = confirm_enrolment(user, device.public_id, form.cleaned_data["code"], actor=stage.actor)
            if verdict is Verdict.ACCEPTED:
                return _first_codes(request, stage, device.public_id)
            device.refresh_from_db()
            form.add_error("code", refusal(verdict, 1))
        elif sent and "credential" in sent:
            passkey = add_passkey(request, user, sent["credential"], "Passkey", actor=stage.actor)
            return _first_codes(request, stage, passkey.public_id)
    except NotFound:
        return cast(HttpResponse, stage.abort())
    except TempsError as error:
        context["passkey_error"] = error.public_message
    return render(request, "accounts_mfa/enrol.html", {**context, **secret_to_show(device), "form": form})


def _first_codes(request: HttpRequest, stage: EnrolStage, factor: str) -> HttpResponse:
    """The recovery codes in the answer to the enrolment itself: for a page after it they would have to be stored."""
    answer = stage.passed(factor)
    following = LoginStageController.enter(request, RecoveryStage.key)
    return answer if following is None else _codes_page(request, following, make=True)


@in_stage(RecoveryStage)
def recovery_codes(request: HttpRequest, stage: RecoveryStage) -> HttpResponse:
    """Go on from the recovery codes; or get them, where the enrolment broke off before they were shown."""
    if request.method == "POST" and "make" not in request.POST:
        return cast(HttpResponse, stage.exit())
    return _codes_page(request, stage, make=request.method == "POST")


def _codes_page(request: HttpRequest, stage: RecoveryStage, *, make: bool) -> HttpResponse:
    context: dict[str, Any] = {"user_email": stage.user.email, "next_label": "I have kept them: continue"}
    try:
        context["codes"] = make_recovery_codes(stage.user, actor=stage.actor) if make else []
    except Conflict:
        context["codes"] = []
    context["shown_already"] = not context["codes"] and recovery_codes_of(stage.user) is not None
    return render(request, "accounts_mfa/recovery_codes.html", context)


@never_cache
@require_POST
@sensitive_post_parameters()
def sign_in(request: HttpRequest) -> HttpResponse:
    """With a passkey alone: whose it is, it says itself, and it has verified that they are there."""
    next_url = get_next_redirect_url(request)
    try:
        throttle_address(request, "passkey.use", PER_ADDRESS)
        form = PasskeyForm(request.POST)
        response = form.cleaned_data["credential"] if form.is_valid() else ""
        visitor = Actor.anonymous(**origin(request))
        passkey = verify_passkey(request, None, response, actor=visitor, purpose=Purpose.SIGN_IN)
    except TooManyAttempts as error:
        return too_many(request, error)
    except TempsError as error:
        context = {"message": error.public_message, "next": next_url}
        return render(request, "accounts_mfa/refused.html", context, status=error.status)
    if request.user.is_authenticated:
        end_session(request)  # of somebody else, or one that lacks what is asked of it now
    return enter(request, passkey.user, way=Way.PASSKEY, factor=passkey.public_id, next_url=next_url)


def as_options(view: Callable[..., dict[str, Any]]) -> Callable[..., HttpResponse]:
    """The face of a question for ``passkeys.js``: JSON, or what is wrong as JSON."""

    def answered(request: HttpRequest, *given: Any) -> HttpResponse:
        try:
            throttle_address(request, "passkey.options", PER_ADDRESS)
            return JsonResponse(view(request, *given))
        except TempsError as error:
            return JsonResponse({"detail": error.public_message}, status=error.status)

    return never_cache(require_POST(answered))


@as_options
def sign_in_options(request: HttpRequest) -> dict[str, Any]:
    """The same for everyone: no account is named before the passkey names it."""
    return begin_passkey(request, Purpose.SIGN_IN)


@in_stage(FactorStage)
@as_options
def second_factor_options(request: HttpRequest, stage: FactorStage) -> dict[str, Any]:
    return begin_passkey(request, Purpose.SECOND_FACTOR, stage.user)


@in_stage(EnrolStage)
@as_options
def enrol_options(request: HttpRequest, stage: EnrolStage) -> dict[str, Any]:
    return begin_passkey(request, Purpose.ADD, stage.user)
