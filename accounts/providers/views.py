"""The pages of signing in elsewhere: there, back, and the list of what is linked."""

from __future__ import annotations

from typing import Any, cast

import requests
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth import logout as end_session
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.errors import TooManyAttempts
from accounts.models import User
from accounts.providers.adapter import flow_of
from accounts.providers.entering import account_of, record_refusal
from accounts.providers.linking import check_own, link_account, links_of, unlink_account
from accounts.providers.models import IdentityProvider
from accounts.providers.proof import Proven, Reason, Refused
from accounts.providers.services import offered
from accounts.sessions import incomplete_user, origin
from accounts.throttling import throttle_address
from accounts.views import too_many
from accounts.ways import Way, enter
from rbac.guards import actor_of
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, NotFound

RATE = "30/m"
"""From one address: each may have us ask the provider's server."""
STATUS = {Reason.EXPIRED: 400, Reason.UNAVAILABLE: 503}
LINKED = "linked_accounts"


@never_cache
@require_POST
def begin(request: HttpRequest, slug: str) -> HttpResponse:
    """Off to the provider, to sign in. By a form alone: a link elsewhere must not start anybody's sign-in."""
    if actor_of(request).is_authenticated:
        return redirect("admin:index")
    return _away(request, _offered(slug), AuthProcess.LOGIN, next_url=_next(request))


@never_cache
@require_GET
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Back from the provider."""
    provider = _offered(slug)
    try:
        throttle_address(request, "provider.callback", RATE)
        state, proven = _finish(request, provider)
        if state["process"] == AuthProcess.CONNECT:
            return _link(request, provider, proven, state)
        return _sign_in(request, provider, proven, state)
    except TooManyAttempts as error:
        return too_many(request, error)
    except Refused as refused:
        return _refuse(request, provider, refused)


@require_safe
def linked(request: HttpRequest) -> HttpResponse:
    """The accounts elsewhere that the reader may sign in with."""
    context = {
        **admin.site.each_context(request),
        "title": "Linked accounts",
        "links": links_of(cast(User, request.user)),
    }
    return TemplateResponse(request, "accounts_providers/linked.html", context)


@require_POST
def link(request: HttpRequest, slug: str) -> HttpResponse:
    """Off to the provider, to link an account there."""
    user = cast(User, request.user)
    check_own(user, actor_of(request))
    return _away(request, _offered(slug), AuthProcess.CONNECT, user=user.public_id)


@require_POST
def unlink(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        provider = unlink_account(cast(User, request.user), slug, actor=actor_of(request))
        messages.success(request, f"Unlinked. You sign in with {provider.name} no longer.")
    except (Conflict, NotFound) as error:
        messages.error(request, _sentence(error.message))
    return redirect(LINKED)


def _away(request: HttpRequest, provider: IdentityProvider, process: str, **kept: str) -> HttpResponse:
    try:
        throttle_address(request, "provider.begin", RATE)
        return flow_of(provider, request).begin(process, **kept)
    except TooManyAttempts as error:
        return too_many(request, error)
    except Refused as refused:
        return _refuse(request, provider, refused)
    except requests.RequestException as error:
        return _refuse(request, provider, Refused(Reason.UNAVAILABLE, _what(error)))


def _finish(request: HttpRequest, provider: IdentityProvider) -> tuple[dict[str, Any], Proven]:
    """As :meth:`Flow.finish`, with :class:`Refused` for all that it raises."""
    try:
        return flow_of(provider, request).finish()
    except PermissionDenied:
        raise Refused(Reason.EXPIRED) from None
    except OAuth2Error:
        raise Refused(Reason.UNPROVEN, "the provider gave no token for the code") from None
    except requests.RequestException as error:
        raise Refused(Reason.UNAVAILABLE, _what(error)) from None


def _sign_in(request: HttpRequest, provider: IdentityProvider, proven: Proven, state: dict[str, Any]) -> HttpResponse:
    if actor_of(request).is_authenticated:
        return redirect("admin:index")  # signed in meanwhile, in another tab: that session stays who it is
    user = account_of(provider, proven, actor=_visitor(request))
    if incomplete_user(request) is not None:
        end_session(request)
    return enter(request, user, way=Way.OAUTH, groups_of=provider.group_source, next_url=state.get("next"))


def _link(request: HttpRequest, provider: IdentityProvider, proven: Proven, state: dict[str, Any]) -> HttpResponse:
    actor = actor_of(request)
    if not actor.is_authenticated or actor.id != state["data"]["user"]:
        raise Refused(Reason.EXPIRED, "whoever began to link it is not signed in any more")
    try:
        link_account(cast(User, request.user), provider, proven, actor=actor)
        messages.success(request, f"Linked. You may sign in with {provider.name} from now on.")
    except Conflict as error:
        messages.error(request, _sentence(error.message))
    return redirect(LINKED)


def _refuse(request: HttpRequest, provider: IdentityProvider, refused: Refused) -> HttpResponse:
    """A page that says why, as far as that says nothing of other people's accounts."""
    record_refusal(provider, refused, actor=_visitor(request))
    context = {"provider": provider, "reason": refused.reason.name, "signed_in": actor_of(request).is_authenticated}
    return render(request, "accounts_providers/refused.html", context, status=STATUS.get(refused.reason, 403))


def _offered(slug: str) -> IdentityProvider:
    provider = offered().filter(slug=slug).first()
    if provider is None:
        raise Http404
    return provider


def _visitor(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    return actor if actor.is_authenticated else Actor.anonymous(**origin(request))


def _next(request: HttpRequest) -> str:
    """Where to go once signed in: an address of this site, or nothing."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME, "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else ""


def _what(error: requests.RequestException) -> str:
    """What went wrong, in words of ours: an answer may hold anything."""
    if error.response is not None:
        return f"{type(error).__name__} with status {error.response.status_code}"
    return str(error) if isinstance(error, requests.ConnectionError) else type(error).__name__


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
