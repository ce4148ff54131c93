"""``/api/v1/api-keys/``: keys are made, shown, changed, rotated and revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_keys import MAX_NETWORKS, create_api_key, key_by_id, revoke_api_key
from accounts.key_change import NEVER, change_api_key
from accounts.key_rotation import end_grace, parse_grace, rotate_api_key
from accounts.models import ApiKey
from accounts.scopes import DEFAULT_PRESET
from accounts.services import user_by_id, visible_user_by_email
from rbac.guards import Access, actor_of
from temps.lib import clock
from temps.lib.durations import parse_duration


class KeyOut(serializers.ModelSerializer[ApiKey]):
    id = serializers.CharField(source="public_id")
    owner = serializers.CharField(source="owner.email")
    status = serializers.SerializerMethodField()
    scopes = serializers.ListField(child=serializers.CharField())
    allowed_networks = serializers.ListField(child=serializers.CharField())
    previous_expires_at = serializers.DateTimeField(help_text="Until when the secret before the last rotation works.")
    previous_used_at = serializers.DateTimeField(help_text="When that secret was last used since.")

    class Meta:
        model = ApiKey
        fields = (
            *("id", "name", "prefix", "owner", "scopes", "allowed_networks", "status"),
            *("created_at", "expires_at", "revoked_at", "last_used_at", "last_used_ip"),
            *("rotated_at", "previous_expires_at", "previous_used_at", "previous_used_ip"),
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
        child=serializers.CharField(max_length=64), default=list, max_length=MAX_NETWORKS, help_text="In CIDR form."
    )
    owner = serializers.CharField(max_length=254, required=False, help_text="An email address; yourself if left out.")


class KeyChange(serializers.Serializer[Any]):
    scopes = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=100)
    expires_in = serializers.CharField(
        max_length=12, required=False, allow_null=True, help_text="From now, such as 30d or 12h; null for never."
    )
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=MAX_NETWORKS,
        help_text="In CIDR form; an empty list for anywhere.",
    )


class RotateIn(serializers.Serializer[Any]):
    grace = serializers.CharField(
        max_length=12, default="24h", help_text="How long the old secret still works: 30d at most, 0 for not at all."
    )


def _shown_once(key: ApiKey, token: str, status: int) -> Response:
    answer = Response(NewKeyOut(key, context={"key": token}).data, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


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
        return _shown_once(key, token, 201)


class ApiKeyDetail(APIView):
    """One key; PATCH changes what it may do, DELETE revokes it."""

    permissions: ClassVar = {"GET": Access.OWN, "PATCH": Access.OWN, "DELETE": Access.OWN}

    @extend_schema(responses=KeyOut)
    def get(self, request: Request, key_id: str) -> Response:
        return Response(KeyOut(key_by_id(key_id, actor=actor_of(request))).data)

    @extend_schema(request=KeyChange, responses=KeyOut)
    def patch(self, request: Request, key_id: str) -> Response:
        actor = actor_of(request)
        key = key_by_id(key_id, actor=actor)
        given = KeyChange(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        lasting: timedelta | None = None
        if "expires_in" in values:
            lasting = NEVER if values["expires_in"] is None else parse_duration(values["expires_in"])
        changed = change_api_key(
            key,
            scopes=values.get("scopes"),
            allowed_networks=values.get("allowed_networks"),
            expires_in=lasting,
            actor=actor,
        )
        return Response(KeyOut(changed).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        actor = actor_of(request)
        revoke_api_key(key_by_id(key_id, actor=actor), actor=actor)
        return Response(status=204)


class RotateApiKey(APIView):
    """Give the key a new secret, which is in the answer; the old one goes on working for a while (``grace``)."""

    permissions: ClassVar = {"POST": Access.OWN}

    @extend_schema(request=RotateIn, responses=NewKeyOut)
    def post(self, request: Request, key_id: str) -> Response:
        actor = actor_of(request)
        key = key_by_id(key_id, actor=actor)
        given = RotateIn(data=request.data)
        given.is_valid(raise_exception=True)
        rotated, token = rotate_api_key(key, grace=parse_grace(given.validated_data["grace"]), actor=actor)
        return _shown_once(rotated, token, 200)


class PreviousSecret(APIView):
    """The secret that a rotation replaced; DELETE ends it before its time."""

    permissions: ClassVar = {"DELETE": Access.OWN}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        actor = actor_of(request)
        end_grace(key_by_id(key_id, actor=actor), actor=actor)
        return Response(status=204)
