"""Asking for a link: to sign in, for a new password, to sign up. The same page answers every address."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import TooManyAttempts
from accounts.links.addresses import base_url
from accounts.links.asking import LIFETIME, ask_for_link, offered
from accounts.links.browser import code_of, mark_hash, mark_of, remember
from accounts.links.forms import AddressForm
from accounts.links.models import Purpose
from accounts.sessions import origin
from accounts.throttling import throttle_address
from accounts.views import too_many
from temps.lib import mail
from temps.lib.actor import Actor
from temps.lib.errors import TempsError

RATE = "15/10m"
"""Requests from one address, for all kinds of links together."""


def asking(purpose: Purpose) -> Callable[[HttpRequest], HttpResponse]:
    """The page where a link for ``purpose`` is asked for."""

    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    def page(request: HttpRequest) -> HttpResponse:
        if not offered(purpose) or not mail.available():
            return render(request, "accounts_links/not_offered.html", {"purpose": purpose.value}, status=404)
        form = AddressForm(request.POST if request.method == "POST" else None)
        wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
        if form.is_valid():
            try:
                throttle_address(request, "links.ask", RATE)
                mark = ask_for_link(
                    purpose,
                    form.cleaned_data["email"],
                    base_url=base_url(request),
                    actor=Actor.anonymous(**origin(request)),
                    next_page=wanted,
                )
            except TooManyAttempts as error:
                return too_many(request, error)
            except TempsError as error:
                form.fail(error)
            else:
                answer = redirect("account_link_sent", purpose=purpose.value)
                remember(answer, purpose, mark, seconds=int(LIFETIME.total_seconds()))
                return answer
        return render(request, "accounts_links/ask.html", {"form": form, "purpose": purpose.value, "next": wanted})

    return page


@never_cache
@require_safe
def sent(request: HttpRequest, purpose: str) -> HttpResponse:
    """What to do next, and the code for another browser. It is made of the cookie alone: there is nothing to tell."""
    mark = mark_of(request, purpose)
    if purpose not in (Purpose.SIGN_IN, Purpose.RESET, Purpose.SIGN_UP) or not mark:
        return redirect("account_login")
    code = code_of(mark_hash(mark))
    context = {"purpose": purpose, "code": f"{code[:3]} {code[3:]}", "minutes": int(LIFETIME.total_seconds() // 60)}
    return render(request, "accounts_links/sent.html", context)


sign_in_page = asking(Purpose.SIGN_IN)
reset_page = asking(Purpose.RESET)
sign_up_page = asking(Purpose.SIGN_UP)
