"""What the API asks before a view runs. The console's twin is ``rbac.console``.

A view declares, per method, the permission that it is about; a view that declares nothing is closed. The guard asks
the coarse question (could this actor do this anywhere?) and the service the exact one, so no face decides twice.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import structlog
from django.http import HttpRequest
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from rbac.permissions import Permission
from rbac.services import allowed_anywhere
from temps.lib.actor import Actor
from temps.lib.errors import Denied, Unauthenticated
from temps.lib.request import of

if TYPE_CHECKING:
    from rest_framework.views import APIView  # at run time it would import this module through the settings

log = structlog.get_logger(__name__)


class Access(Enum):
    """Declarations other than a permission."""

    PUBLIC = "public"
    """For everyone: sign-in, schema-free documents, health."""
    OWN = "own"
    """For whoever is signed in, about themselves alone: the view reads and changes nothing but the actor's own."""


Declaration = Permission | Access


def actor_of(request: Request | HttpRequest) -> Actor:
    """Who acts in this request: the API credential if one was given, else the session."""
    if isinstance(request, Request):
        if isinstance(request.auth, Actor):
            return request.auth
        request = request._request
    return of(request).actor


def declared(view: APIView, method: str) -> Declaration | None:
    """What ``view`` declares for ``method``. HEAD reads as GET; OPTIONS describes, and needs what GET does."""
    declarations: dict[str, Declaration] = getattr(view, "permissions", {})
    if method in ("HEAD", "OPTIONS"):
        return declarations.get("GET") or next(iter(declarations.values()), None)
    return declarations.get(method)


class Guard(BasePermission):
    """The default permission of every API view: closed unless the view's ``permissions`` open it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        declaration = declared(view, request.method or "")
        if declaration is Access.PUBLIC:
            return True
        actor = actor_of(request)
        if not actor.is_authenticated:
            raise Unauthenticated("sign in, or send an API key or token in the Authorization header")
        if declaration is Access.OWN:
            return True
        if declaration is None:
            if not hasattr(view, (request.method or "").lower()):
                return True  # there is no such method: DRF answers 405 by itself
            log.error("guard.undeclared", view=type(view).__name__, method=request.method)
            raise Denied("this route declares no permission, so it is closed", actor=actor)
        if not allowed_anywhere(actor, declaration):
            raise Denied(f"this needs the permission {declaration}", actor=actor, permission=declaration.value)
        return True
