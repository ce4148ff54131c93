"""The page that a link leads to. Showing it changes nothing, so that whatever looks at mail before its reader does
(scanners, previews) uses nothing up; pressing its button does."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import logout as end_session
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.errors import TooManyAttempts
from accounts.forms import Described
from accounts.links.browser import is_the_asking_one, mark_of
from accounts.links.email_changes import agree_to_email_change, stop_email_change
from accounts.links.forms import (
    ElsewhereForm,
    NewAccountElsewhereForm,
    NewAccountForm,
    ResetElsewhereForm,
    ResetForm,
)
from accounts.links.invitations import accept_invitation, has_account
from accounts.links.models import EmailLink, Purpose
from accounts.links.opening import open_link
from accounts.links.using import reset_password, sign_in_by_link, sign_up
from accounts.models import User
from accounts.sessions import origin
from accounts.throttling import throttle_address
from accounts.views import too_many
from accounts.ways import Way, enter
from temps.lib.actor import Actor
from temps.lib.errors import NotFound, TempsError


class NoFields(Described):
    """A button alone."""


RATE = "30/10m"
FORMS: dict[str, tuple[type[Described], type[Described]]] = {
    Purpose.SIGN_IN: (NoFields, ElsewhereForm),
    Purpose.RESET: (ResetForm, ResetElsewhereForm),
    Purpose.SIGN_UP: (NewAccountForm, NewAccountElsewhereForm),
    Purpose.INVITATION: (NewAccountForm, NewAccountForm),
    Purpose.EMAIL_NEW: (NoFields, NoFields),
    Purpose.EMAIL_OLD: (NoFields, NoFields),
}
"""By purpose: for the browser that asked, and for another."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@sensitive_variables("token")
def open_page(request: HttpRequest, token: str) -> HttpResponse:
    """Say what the link is for; do it when the button is pressed."""
    try:
        link = open_link(token)
    except NotFound:
        return _closed(request)
    elsewhere = bool(link.browser_hash) and not is_the_asking_one(link, mark_of(request, link.purpose))
    form = _form(link, elsewhere=elsewhere, data=request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            throttle_address(request, "links.open", RATE)
            return _do(request, link, token, form)
        except TooManyAttempts as error:
            return too_many(request, error)
        except NotFound:
            return _closed(request)
        except TempsError as error:
            _show(form, error)
    context = {"form": form, "link": link, "elsewhere": elsewhere, "is_new": not isinstance(form, NoFields)}
    return render(request, f"accounts_links/open_{link.purpose}.html", context)


def _form(link: EmailLink, *, elsewhere: bool, data: Any) -> Described:
    invited = link.invitation is not None and has_account(link.invitation)
    kind = FORMS[link.purpose][elsewhere]
    return NoFields(data) if invited else kind(data)


def _do(request: HttpRequest, link: EmailLink, token: str, form: Described) -> HttpResponse:
    visitor, given = Actor.anonymous(**origin(request)), form.cleaned_data
    shown = {"mark": mark_of(request, link.purpose), "code": given.get("code", "")}
    if link.purpose == Purpose.SIGN_IN:
        return _enter(request, sign_in_by_link(token, **shown, actor=visitor), Way.MAGIC_LINK, link.next_page)
    if link.purpose == Purpose.RESET:
        user = reset_password(token, given["password"], **shown, actor=visitor)
        return _enter(request, user, Way.MAGIC_LINK, link.next_page)
    if link.purpose == Purpose.SIGN_UP:
        user = sign_up(token, given["name"], given["password"], **shown, actor=visitor)
        return _enter(request, user, Way.MAGIC_LINK, link.next_page)
    if link.purpose == Purpose.INVITATION:
        return _accept(request, token, form, visitor)
    return _answer_change(request, link, token, visitor)


def _enter(request: HttpRequest, user: User, way: Way, next_page: str = "") -> HttpResponse:
    end_session(request)
    return enter(request, user, way=way, next_url=next_page or None)


def _accept(request: HttpRequest, token: str, form: Described, visitor: Actor) -> HttpResponse:
    given = form.cleaned_data
    if isinstance(form, NoFields):
        # An account that exists: it gets the role, and nobody is signed in to it by a link that was handed on.
        accept_invitation(token, actor=visitor)
        return render(request, "accounts_links/accepted.html")
    user = accept_invitation(token, name=given["name"], password=given["password"], actor=visitor)
    return _enter(request, user, Way.INVITATION)


def _answer_change(request: HttpRequest, link: EmailLink, token: str, visitor: Actor) -> HttpResponse:
    if link.purpose == Purpose.EMAIL_OLD and request.POST.get("answer") == "stop":
        change, stopped = stop_email_change(token, actor=visitor), True
    else:
        change, stopped = agree_to_email_change(token, Purpose(link.purpose), actor=visitor), False
    return render(request, "accounts_links/change_answered.html", {"change": change, "stopped": stopped})


def _show(form: Described, error: TempsError) -> None:
    if error.code == "wrong_otp":
        form.add_error("code", error.message[0].upper() + error.message[1:] + ".")
    else:
        form.fail(error)


def _closed(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts_links/closed.html", status=410)
