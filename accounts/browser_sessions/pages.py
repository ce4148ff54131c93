"""The console's pages of sessions: one's own, and those of another account for whoever may read accounts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.browser_sessions import services
from accounts.browser_sessions.listing import own_sessions, session_by_id, sessions_of
from accounts.policy import current_policy
from accounts.services import user_by_id
from audit.folding import record_denial
from rbac.guards import actor_of
from rbac.permissions import Permission
from rbac.services import allowed
from temps.lib.errors import Denied, NotFound

View = Callable[..., HttpResponse]


def told(view: View) -> View:
    """What a service refuses, as the console's pages say it."""

    @wraps(view)
    def telling(request: HttpRequest, **named: str) -> HttpResponse:
        try:
            return view(request, **named)
        except NotFound as error:
            raise Http404(error.message) from None
        except Denied as error:
            record_denial(error)
            raise PermissionDenied(error.message) from None

    return telling


@never_cache
@require_GET
@told
def own(request: HttpRequest) -> HttpResponse:
    """Where one is signed in."""
    found = own_sessions(actor=actor_of(request))
    others = [one for one in found if not one.current]
    context = {"title": "Your sessions", "sessions": found, "others": len(others), "limits": current_policy()}
    return render(request, "accounts_sessions/own.html", _context(request, context))


@require_POST
@told
def end(request: HttpRequest, session_id: str) -> HttpResponse:
    """End one of one's own."""
    actor = actor_of(request)
    services.end_session(session_by_id(session_id, actor=actor, own=True), actor=actor)
    if session_id == actor.credential.id:
        request.session.flush()
        return redirect("account_login")
    messages.success(request, "That session has ended.")
    return redirect("admin:sessions")


@require_POST
@told
def end_others(request: HttpRequest) -> HttpResponse:
    """End all of one's own but this one."""
    messages.success(request, _ended(services.end_other_sessions(actor=actor_of(request))))
    return redirect("admin:sessions")


@never_cache
@require_GET
@told
def of_user(request: HttpRequest, user_id: str) -> HttpResponse:
    """Where somebody else is signed in."""
    actor = actor_of(request)
    user = user_by_id(user_id, actor=actor)
    context = {
        "title": f"Sessions of {user.email}",
        "account": user,
        "sessions": sessions_of(user, actor=actor),
        "may_end": allowed(actor, Permission.USERS_UPDATE),
    }
    return render(request, "accounts_sessions/of_user.html", _context(request, context))


@require_POST
@told
def end_all_of_user(request: HttpRequest, user_id: str) -> HttpResponse:
    actor = actor_of(request)
    user = user_by_id(user_id, actor=actor)
    messages.success(request, _ended(services.end_all_sessions(user, actor=actor)))
    return redirect("admin:sessions_of_user", user_id=user_id)


def urls() -> list[URLPattern]:
    """For the console's site, which asks of each that somebody is signed in."""
    guarded = admin.site.admin_view
    return [
        path("sessions/", guarded(own), name="sessions"),
        path("sessions/end-others/", guarded(end_others), name="sessions_end_others"),
        path("sessions/<str:session_id>/end/", guarded(end), name="sessions_end"),
        path("sessions/of/<str:user_id>/", guarded(of_user), name="sessions_of_user"),
        path("sessions/of/<str:user_id>/end/", guarded(end_all_of_user), name="sessions_end_of_user"),
    ]


def _context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    return {**admin.site.each_context(request), **context}


def _ended(count: int) -> str:
    if not count:
        return "There was no other session to end."
    return "One session has ended." if count == 1 else f"{count} sessions have ended."
