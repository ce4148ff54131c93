"""``/api/v1/users/`` and ``/api/v1/api-keys/``. The tokens of ``/api/v1/auth/`` are in :mod:`accounts.token_api`."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_keys import create_api_key, key_by_id, revoke_api_key
from accounts.models import ApiKey, User, UserKind
from accounts.scopes import DEFAULT_PRESET
from accounts.services import create_user, set_active, user_by_id, visible_user_by_email
from accounts.token_api import ObtainToken, RefreshToken, RevokeToken
from rbac.guards import Access, actor_of
from rbac.permissions import Permission
from temps.lib import clock
from temps.lib.durations import parse_duration


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


class KeyOut(serializers.ModelSerializer[ApiKey]):
    id = serializers.CharField(source="public_id")
    owner = serializers.CharField(source="owner.email")
    status = serializers.SerializerMethodField()
    scopes = serializers.ListField(child=serializers.CharField())
    allowed_networks = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ApiKey
        fields = (
            *("id", "name", "prefix", "owner", "scopes", "allowed_networks", "status"),
            *("created_at", "expires_at", "revoked_at", "last_used_at", "last_used_ip"),
        )

    def get_status(self, key: ApiKey) -> str:
        return key.status_at(clock.now())


class NewKeyOut(KeyOut):
    key = serializers.SerializerMethodField(help_text="The key itself, shown this once.")

    class Meta(KeyOut.Meta):
        fields = (*KeyOut.Meta.fields, "key")  # type: ignore[assignment]  # one longer than the parent's

    def get_key(self, _key: ApiKey) -> str:
        return str(self.context["key"])


class KeyIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=64),
        default=[DEFAULT_PRESET],
        max_length=100,
        help_text="Permissions, aliases or a preset: see docs/scopes.md.",
    )
    expires_in = serializers.CharField(max_length=12, required=False, help_text="Such as 30d or 12h.")
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=64), default=list, max_length=50, help_text="In CIDR form."
    )
    owner = serializers.CharField(max_length=254, required=False, help_text="An email address; yourself if left out.")


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


class ApiKeys(ListAPIView[ApiKey]):
    """Your API keys, and everyone's for those who may read them; POST makes one."""

    permissions: ClassVar = {"GET": Access.OWN, "POST": Access.OWN}
    serializer_class = KeyOut
    queryset = ApiKey.objects.all()

    def get_queryset(self) -> Any:
        return ApiKey.objects.visible_to(actor_of(self.request)).select_related("owner")

    @extend_schema(request=KeyIn, responses={201: NewKeyOut})
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        given = KeyIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        owner = values.get("owner")
        key, token = create_api_key(
            values["name"],
            owner=visible_user_by_email(owner, actor=actor) if owner else user_by_id(actor.id, actor=actor),
            scopes=values["scopes"],
            expires_in=parse_duration(values["expires_in"]) if "expires_in" in values else None,
            allowed_networks=values["allowed_networks"],
            actor=actor,
        )
        answer = Response(NewKeyOut(key, context={"key": token}).data, status=201)
        answer["Cache-Control"] = "no-store"
        return answer


class ApiKeyDetail(APIView):
    """One key; DELETE revokes it."""

    permissions: ClassVar = {"GET": Access.OWN, "DELETE": Access.OWN}

    @extend_schema(responses=KeyOut)
    def get(self, request: Request, key_id: str) -> Response:
        return Response(KeyOut(key_by_id(key_id, actor=actor_of(request))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        actor = actor_of(request)
        revoke_api_key(key_by_id(key_id, actor=actor), actor=actor)
        return Response(status=204)


urlpatterns = [
    path("auth/token", ObtainToken.as_view(), name="auth-token"),
    path("auth/refresh", RefreshToken.as_view(), name="auth-refresh"),
    path("auth/revoke", RevokeToken.as_view(), name="auth-revoke"),
    path("users/me/", Me.as_view(), name="me"),
    path("users/", Users.as_view(), name="users"),
    path("users/<str:user_id>/", UserDetail.as_view(), name="user"),
    path("api-keys/", ApiKeys.as_view(), name="api-keys"),
    path("api-keys/<str:key_id>/", ApiKeyDetail.as_view(), name="api-key"),
]
