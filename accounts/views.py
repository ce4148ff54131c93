"""The pages of signing in and out. Each works without scripts and is never cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import segno
from allauth.account.stages import LoginStageController
from allauth.account.views import LoginView
from django.contrib.auth import logout as end_session
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.errors import TooManyAttempts
from accounts.forms import CodeForm, SetupForm, SignInForm
from accounts.models import TotpDevice
from accounts.sessions import incomplete_user, origin
from accounts.setup import create_first_administrator, is_open
from accounts.stages import EnrolStage, SecondFactorStage, TotpStage
from accounts.throttling import throttle_sign_in
from accounts.totp import (
    Verdict,
    confirm_enrolment,
    manual_key,
    pending_enrolment,
    provisioning_uri,
    verify_code,
    wait_of,
)
from accounts.ways import Way, enter
from temps.lib.actor import Actor
from temps.lib.errors import NotFound, TempsError

StageView = Callable[[HttpRequest, Any], HttpResponse]


class SignIn(LoginView):  # type: ignore[misc]
    """Address and password. What follows of a right pair is in :mod:`accounts.stages`."""

    form_class = SignInForm
    asked_again = False

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return {**super().get_context_data(**context), "asked_again": self.asked_again}

    def get_form_class(self) -> type[SignInForm]:
        return SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if incomplete_user(request) is not None:
            # A session that lacks the second factor asked of it now. It is not worth an enrolment: whoever had stolen
            # it would enrol an app of their own. So it ends, and the password is asked for again.
            end_session(request)
            self.asked_again = True
        return cast(HttpResponse, super().dispatch(request, *args, **options))

    def form_valid(self, form: SignInForm) -> HttpResponse:
        return enter(self.request, form.user, way=Way.PASSWORD, next_url=self.get_success_url())

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            throttle_sign_in(request, request.POST.get("login", ""))
        except TooManyAttempts as error:
            return too_many(request, error)
        return cast(HttpResponse, super().post(request, *args, **options))


def too_many(request: HttpRequest, error: TooManyAttempts) -> HttpResponse:
    answer = render(request, "429.html", {"wait": error.wait}, status=429)
    answer["Retry-After"] = str(error.wait)
    return answer


def in_stage(stage_class: type[SecondFactorStage]) -> Callable[[StageView], Callable[[HttpRequest], HttpResponse]]:
    """Only for a sign-in that stands at this stage; everyone else begins at the sign-in page."""

    def decorate(view: StageView) -> Callable[[HttpRequest], HttpResponse]:
        @never_cache
        @require_http_methods(["GET", "HEAD", "POST"])
        @sensitive_post_parameters()
        def guarded(request: HttpRequest) -> HttpResponse:
            stage = None if request.user.is_authenticated else LoginStageController.enter(request, stage_class.key)
            if stage is None:
                return redirect("account_login")
            if not stage.still_valid():
                return cast(HttpResponse, stage.abort())
            return view(request, stage)

        return guarded

    return decorate


@in_stage(TotpStage)
def totp(request: HttpRequest, stage: TotpStage) -> HttpResponse:
    """The code of the authenticator app."""
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        device = TotpDevice.objects.filter(user=stage.user, confirmed=True).first()
        verdict = verify_code(stage.user, form.cleaned_data["code"], actor=stage.actor)
        if verdict is Verdict.ACCEPTED and device is not None:
            return stage.passed(device.public_id)
        form.add_error("code", refusal(verdict, wait_of(stage.user)))
    return render(request, "account/totp.html", {"form": form, "user_email": stage.user.email})


@in_stage(EnrolStage)
def enrol(request: HttpRequest, stage: EnrolStage) -> HttpResponse:
    """The secret of a new authenticator app, once, and its first code."""
    device = pending_enrolment(stage.user, stage.state.get("device", ""))
    if device is None:
        return cast(HttpResponse, stage.abort())
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            verdict = confirm_enrolment(stage.user, device.public_id, form.cleaned_data["code"], actor=stage.actor)
        except NotFound:
            return cast(HttpResponse, stage.abort())
        if verdict is Verdict.ACCEPTED:
            return stage.passed(device.public_id)
        device.refresh_from_db()
        form.add_error("code", refusal(verdict, 1))
    key = manual_key(device)
    context = {
        "form": form,
        "user_email": stage.user.email,
        "qr": qr_code(provisioning_uri(device)),
        "key": " ".join(key[start : start + 4] for start in range(0, len(key), 4)),
    }
    return render(request, "account/enrol.html", context)


def refusal(verdict: Verdict, wait: int) -> str:
    if verdict is Verdict.THROTTLED:
        return f"Too soon after a wrong code: wait {wait} second{'s' * (wait != 1)}, then enter the code shown then."
    return "That code is not right, or was used already. Wait for the next one, and check the clock of your device."


def qr_code(text: str) -> str:
    """``text`` as an inline SVG: no image with the secret has an address of its own."""
    svg = segno.make(text, error="m", micro=False).svg_inline(scale=5, border=4, dark="#000", light="#fff")
    return mark_safe(svg)  # noqa: S308  made of rectangles by segno, and of nothing that the text could add


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """The first administrator, by the link that ``temps up`` printed; straight on to the second factor."""
    if not is_open(token):
        return render(request, "account/setup_closed.html", status=410)
    form = SetupForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        given = form.cleaned_data
        try:
            user = create_first_administrator(
                token, given["email"], given["name"], given["password"], origin=Actor.anonymous(**origin(request))
            )
        except TempsError as error:
            form.fail(error)
        else:
            end_session(request)
            return enter(request, user, way=Way.SETUP)
    return render(request, "account/setup.html", {"form": form})
