"""``/api/v1/sessions/``, one's own, and ``/api/v1/users/<id>/sessions/``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.browser_sessions.listing import own_sessions, session_by_id, sessions_of
from accounts.browser_sessions.services import end_all_sessions, end_other_sessions, end_session
from accounts.services import user_by_id
from rbac.guards import Access, actor_of
from rbac.permissions import Permission


class SessionOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    kind = serializers.CharField(help_text="`browser`, or `api` for the tokens of one sign-in over the API.")
    device = serializers.CharField(help_text="What the program says it is, in words.")
    address = serializers.CharField(help_text="Where it was last used from.")
    signed_in_from = serializers.CharField()
    signed_in_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(help_text="To the minute.")
    expires_at = serializers.DateTimeField(help_text="When it ends, whatever is done; earlier if it is not used.")
    current = serializers.BooleanField(help_text="Whether it is the one that asks.")


class EndedOut(serializers.Serializer[Any]):
    ended = serializers.IntegerField(help_text="How many sessions there were to end.")


class Sessions(APIView):
    """Where you are signed in: browsers, and API tokens. An API key has no sessions."""

    permissions: ClassVar = {"GET": Access.OWN}

    @extend_schema(responses=SessionOut(many=True))
    def get(self, request: Request) -> Response:
        return Response(SessionOut(own_sessions(actor=actor_of(request)), many=True).data)


class SessionDetail(APIView):
    """DELETE ends one of your own, from its next request on."""

    permissions: ClassVar = {"DELETE": Access.OWN}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: str) -> Response:
        actor = actor_of(request)
        end_session(session_by_id(session_id, actor=actor, own=True), actor=actor)
        return Response(status=204)


class EndOthers(APIView):
    """Ends all of your own but the one that asks."""

    permissions: ClassVar = {"POST": Access.OWN}

    @extend_schema(request=None, responses=EndedOut)
    def post(self, request: Request) -> Response:
        return Response({"ended": end_other_sessions(actor=actor_of(request))})


class UserSessions(APIView):
    """Where somebody is signed in; DELETE ends all of it."""

    permissions: ClassVar = {"GET": Permission.USERS_READ, "DELETE": Permission.USERS_UPDATE}

    @extend_schema(responses=SessionOut(many=True))
    def get(self, request: Request, user_id: str) -> Response:
        actor = actor_of(request)
        return Response(SessionOut(sessions_of(user_by_id(user_id, actor=actor), actor=actor), many=True).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, user_id: str) -> Response:
        actor = actor_of(request)
        end_all_sessions(user_by_id(user_id, actor=actor), actor=actor)
        return Response(status=204)


urlpatterns = [
    path("sessions/", Sessions.as_view(), name="sessions"),
    path("sessions/end-others/", EndOthers.as_view(), name="sessions-end-others"),
    path("sessions/<str:session_id>/", SessionDetail.as_view(), name="session"),
    path("users/<str:user_id>/sessions/", UserSessions.as_view(), name="user-sessions"),
]
