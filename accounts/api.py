"""``/api/v1/users/``. API keys are in :mod:`accounts.key_api`, the tokens of ``/api/v1/auth/`` in
:mod:`accounts.token_api`."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.key_api import ApiKeyDetail, ApiKeys, PreviousSecret, RotateApiKey
from accounts.models import User, UserKind
from accounts.services import create_user, set_active, user_by_id
from accounts.step_up_api import StepUp
from accounts.token_api import ObtainToken, RefreshToken, RevokeToken
from rbac.guards import Access, actor_of
from rbac.permissions import Permission


class UserOut(serializers.ModelSerializer[User]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = User
        fields = ("id", "email", "name", "kind", "is_active", "date_joined", "last_login")


class UserIn(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    kind = serializers.ChoiceField(UserKind.choices, default=UserKind.PERSON.value)
    role = serializers.CharField(
        max_length=32, required=False, help_text="A role on the platform; needs the right to grant it."
    )


class UserChange(serializers.Serializer[Any]):
    is_active = serializers.BooleanField()


class Me(APIView):
    """The account behind this request."""

    permissions: ClassVar = {"GET": Access.OWN}

    @extend_schema(responses=UserOut)
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        return Response(UserOut(user_by_id(actor.id, actor=actor)).data)


class Users(ListAPIView[User]):
    """The accounts; POST makes one. Passwords are not set here: a person gets theirs when they are set up."""

    permissions: ClassVar = {"GET": Permission.USERS_READ, "POST": Permission.USERS_CREATE}
    serializer_class = UserOut
    queryset = User.objects.all()

    def get_queryset(self) -> Any:
        return User.objects.visible_to(actor_of(self.request))

    @extend_schema(request=UserIn, responses={201: UserOut})
    def post(self, request: Request) -> Response:
        given = UserIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data | {"kind": UserKind(given.validated_data["kind"])}
        return Response(UserOut(create_user(actor=actor_of(request), **values)).data, status=201)


class UserDetail(APIView):
    """One account; PATCH disables it or enables it again."""

    permissions: ClassVar = {"GET": Permission.USERS_READ, "PATCH": Permission.USERS_UPDATE}

    @extend_schema(responses=UserOut)
    def get(self, request: Request, user_id: str) -> Response:
        return Response(UserOut(user_by_id(user_id, actor=actor_of(request))).data)

    @extend_schema(request=UserChange, responses=UserOut)
    def patch(self, request: Request, user_id: str) -> Response:
        actor = actor_of(request)
        given = UserChange(data=request.data)
        given.is_valid(raise_exception=True)
        user = set_active(user_by_id(user_id, actor=actor), given.validated_data["is_active"], actor=actor)
        return Response(UserOut(user).data)


urlpatterns = [
    path("auth/token", ObtainToken.as_view(), name="auth-token"),
    path("auth/refresh", RefreshToken.as_view(), name="auth-refresh"),
    path("auth/revoke", RevokeToken.as_view(), name="auth-revoke"),
    path("auth/step-up", StepUp.as_view(), name="step-up"),
    path("users/me/", Me.as_view(), name="me"),
    path("users/", Users.as_view(), name="users"),
    path("users/<str:user_id>/", UserDetail.as_view(), name="user"),
    path("api-keys/", ApiKeys.as_view(), name="api-keys"),
    path("api-keys/<str:key_id>/", ApiKeyDetail.as_view(), name="api-key"),
    path("api-keys/<str:key_id>/rotate/", RotateApiKey.as_view(), name="api-key-rotate"),
    path("api-keys/<str:key_id>/previous-secret/", PreviousSecret.as_view(), name="api-key-previous-secret"),
]
