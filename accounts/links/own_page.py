"""Your account: name, address, and the way to the password."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.errors import TooManyAttempts
from accounts.forms import Described
from accounts.links.addresses import base_url
from accounts.links.email_changes import (
    cancel_email_change,
    change_own_name,
    request_email_change,
    waiting_change,
)
from accounts.links.forms import NameForm, NewAddressForm
from accounts.models import User
from rbac.guards import actor_of
from rbac.step_up import StepUpRequired
from temps.lib import mail
from temps.lib.actor import Actor
from temps.lib.errors import TempsError


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def own_page(request: HttpRequest) -> HttpResponse:
    """What one changes about oneself. Which form was sent, its button says."""
    actor = actor_of(request)
    if not actor.is_authenticated:
        return redirect_to_login(request.get_full_path())
    user, pressed = cast(User, request.user), request.POST.get("do", "")
    forms: dict[str, Described] = {
        "name": NameForm(request.POST if pressed == "name" else None, initial={"name": user.name}),
        "email": NewAddressForm(request.POST if pressed == "email" else None),
        "cancel": Described(request.POST if pressed == "cancel" else None),
    }
    form, wait = forms.get(pressed), 0
    if form is not None and form.is_valid():
        try:
            _do(request, user, pressed, form, actor)
        except StepUpRequired:
            raise
        except TempsError as error:
            form.fail(error)
            wait = error.wait if isinstance(error, TooManyAttempts) else 0
        else:
            return redirect("account_you")
    context = {"forms": forms, "account": user, "change": waiting_change(user), "has_mail": mail.available()}
    answer = render(request, "accounts_links/you.html", context, status=TooManyAttempts.status if wait else 200)
    if wait:
        answer["Retry-After"] = str(wait)
    return answer


def _do(request: HttpRequest, user: User, pressed: str, form: Described, actor: Actor) -> None:
    if pressed == "name":
        change_own_name(user, form.cleaned_data["name"], actor=actor)
        messages.success(request, "Your name was changed.")
    elif pressed == "email":
        request_email_change(user, form.cleaned_data["email"], actor=actor, base_url=base_url(request))
        messages.success(request, "We wrote to both addresses. Yours changes once both have agreed.")
    else:
        cancel_email_change(user, actor=actor)
        messages.success(request, "Your address stays as it is.")
