"""``/api/v1/users/<id>/unlock/``."""

from __future__ import annotations

from typing import ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.lockout.services import unlock
from accounts.services import user_by_id
from rbac.guards import actor_of
from rbac.permissions import Permission


class Unlock(APIView):
    """Lift the lockout of an account: failed sign-ins before this count no more."""

    permissions: ClassVar = {"POST": Permission.USERS_UPDATE}

    @extend_schema(request=None, responses={204: None}, operation_id="user_unlock")
    def post(self, request: Request, user_id: str) -> Response:
        actor = actor_of(request)
        unlock(user_by_id(user_id, actor=actor), actor=actor)
        return Response(status=204)


urlpatterns = [path("users/<str:user_id>/unlock/", Unlock.as_view(), name="user-unlock")]
