"""How the API learns who asks: an API key, an access token, or the browser's session. Each yields an :class:`Actor`.

A credential that is sent and not good is an answer of 401, also where anonymous requests would do: whoever sends one
means to be someone.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DjangoSession
from rest_framework.request import Request

from accounts.key_authentication import authenticate_key
from accounts.models import User
from accounts.sessions import origin
from accounts.tokens import actor_of_token
from temps.lib.actor import Actor
from temps.lib.errors import Unauthenticated
from temps.lib.request import of

CHALLENGE = 'Bearer realm="temps"'
KEY_PREFIX = "tmp_"

Identified = tuple[Any, Actor]


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer tmp_…`` or ``X-API-Key: tmp_…``."""

    def authenticate(self, request: Request) -> Identified | None:
        presented, bearer = request.headers.get("X-API-Key"), _bearer(request)
        if presented is not None and bearer is not None:
            raise Unauthenticated("send one credential: Authorization or X-API-Key")
        if presented is None and bearer is not None and bearer.startswith(KEY_PREFIX):
            presented = bearer
        return None if presented is None else _identified(authenticate_key(presented, **origin(request)))

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class JWTAuthentication(BaseAuthentication):
    """``Authorization: Bearer`` and an access token."""

    def authenticate(self, request: Request) -> Identified | None:
        presented = _bearer(request)
        return None if presented is None else _identified(actor_of_token(presented, **origin(request)))

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class SessionAuthentication(DjangoSession):
    """The session of the console, whose sign-in must be complete; changes need its cross-site token."""

    def authenticate(self, request: Request) -> Identified | None:
        actor = of(request._request).actor
        if not actor.is_authenticated:
            return None
        self.enforce_csrf(request)
        return request._request.user, actor


def _bearer(request: Request) -> str | None:
    """The bearer token of the ``Authorization`` header (RFC 6750). Other schemes are for others, such as a proxy."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _identified(actor: Actor) -> Identified:
    """With the account, looked up where something asks for more than the actor."""
    return SimpleLazyObject(lambda: User.objects.filter(public_id=actor.id).first() or AnonymousUser()), actor
