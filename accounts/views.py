"""The pages of signing in and out. Each works without scripts and is never cached."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.views import LoginView
from django.contrib.auth import logout as end_session
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.browser_sessions.ended import came_from_ended, forget_ended
from accounts.errors import TooManyAttempts
from accounts.forms import SetupForm, SignInForm, focus_on
from accounts.lockout import captcha
from accounts.lockout.counting import network_of
from accounts.lockout.services import needs_captcha, offers_captcha
from accounts.models import User
from accounts.sessions import incomplete_user, origin
from accounts.setup import administrator_exists, create_first_administrator, is_open
from accounts.sign_in import way_with_password
from accounts.throttling import throttle_sign_in
from accounts.ways import Way, enter
from temps.lib.actor import Actor
from temps.lib.errors import TempsError
from temps.lib.request import of


class SignIn(LoginView):  # type: ignore[misc]
    """Address and password. What follows of a right pair is in :mod:`accounts.stages`."""

    form_class = SignInForm
    asked_again = False

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        challenge = captcha.new_challenge() if self._needs_captcha() or offers_captcha(self._network()) else ""
        told = {"asked_again": self.asked_again, "captcha": challenge}
        if self.request.method != "POST":
            told |= {"session_ended": came_from_ended(self.request), "not_set_up": not administrator_exists()}
        return {**told, **super().get_context_data(**context)}

    def get_form_class(self) -> type[SignInForm]:
        return SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if incomplete_user(request) is not None:
            # A session that lacks the second factor asked of it now. It is not worth an enrolment: whoever had stolen
            # it would enrol an app of their own. So it ends, and the password is asked for again.
            end_session(request)
            self.asked_again = True
        answer = cast(HttpResponse, super().dispatch(request, *args, **options))
        forget_ended(request, answer)
        return answer

    def form_valid(self, form: SignInForm) -> HttpResponse:
        user = cast(User, form.user)
        return enter(self.request, user, way=way_with_password(user), next_url=self.get_success_url())

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        email = request.POST.get("login", "")
        if self._needs_captcha() and not captcha.spend(request.POST.get("captcha", "")):
            form = SignInForm(initial={"login": email})
            focus_on(form, "password")
            again = self.get_context_data(form=form, once_more=True)
            return cast(HttpResponse, self.render_to_response(again))
        try:
            throttle_sign_in(request, email)
            return cast(HttpResponse, super().post(request, *args, **options))
        except TooManyAttempts as error:
            return too_many(request, error)

    def _needs_captcha(self) -> bool:
        email = self.request.POST.get("login", "")
        return needs_captcha(email, self._network())

    def _network(self) -> str:
        return network_of(of(self.request).client_address)


def too_many(request: HttpRequest, error: TooManyAttempts) -> HttpResponse:
    answer = render(request, "429.html", {"wait": error.wait, "status": error.status}, status=error.status)
    answer["Retry-After"] = str(error.wait)
    return answer


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
