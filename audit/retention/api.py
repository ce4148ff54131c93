"""``/api/v1/audit/retention/`` and ``/api/v1/audit/holds/``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.retention.models import SHORTEST, LegalHold
from audit.retention.services import LONGEST, holds, place_hold, release_hold, retention_days, set_retention
from rbac.guards import actor_of
from rbac.permissions import Permission


class PolicyOut(serializers.Serializer[Any]):
    days = serializers.IntegerField(allow_null=True, help_text="Null: entries are kept forever.")


class PolicyIn(serializers.Serializer[Any]):
    days = serializers.IntegerField(allow_null=True, min_value=SHORTEST, max_value=LONGEST)


class PolicyChanged(PolicyOut):
    due = serializers.IntegerField(help_text="How many entries the next run would remove now.")


class HoldOut(serializers.ModelSerializer[LegalHold]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = LegalHold
        fields = ("id", "project", "user_email", "reason", "created_by", "created_at", "released_at", "released_by")


class HoldIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)
    project = serializers.CharField(max_length=63, required=False, default="", allow_blank=True, help_text="A slug.")
    user_email = serializers.EmailField(required=False, default="", allow_blank=True)


class Retention(APIView):
    """How long entries are kept."""

    permissions: ClassVar = {"GET": Permission.SETTINGS_READ, "PUT": Permission.SETTINGS_WRITE}

    @extend_schema(responses=PolicyOut)
    def get(self, request: Request) -> Response:
        return Response({"days": retention_days(actor=actor_of(request))})

    @extend_schema(request=PolicyIn, responses=PolicyChanged)
    def put(self, request: Request) -> Response:
        given = PolicyIn(data=request.data)
        given.is_valid(raise_exception=True)
        days = given.validated_data["days"]
        return Response({"days": days, "due": set_retention(days, actor=actor_of(request))})


class Holds(ListAPIView[LegalHold]):
    """Legal holds, released ones too; POST places one."""

    permissions: ClassVar = {"GET": Permission.SETTINGS_READ, "POST": Permission.SETTINGS_WRITE}
    serializer_class = HoldOut
    queryset = LegalHold.objects.all()

    def get_queryset(self) -> Any:
        return holds(actor=actor_of(self.request))

    @extend_schema(request=HoldIn, responses={201: HoldOut})
    def post(self, request: Request) -> Response:
        given = HoldIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(HoldOut(place_hold(**given.validated_data, actor=actor_of(request))).data, status=201)


class Hold(APIView):
    """DELETE releases the hold; it stays on record."""

    permissions: ClassVar = {"DELETE": Permission.SETTINGS_WRITE}

    @extend_schema(responses=HoldOut)
    def delete(self, request: Request, public_id: str) -> Response:
        return Response(HoldOut(release_hold(public_id, actor=actor_of(request))).data)


urlpatterns = [
    path("audit/retention/", Retention.as_view(), name="audit-retention"),
    path("audit/holds/", Holds.as_view(), name="audit-holds"),
    path("audit/holds/<str:public_id>/", Hold.as_view(), name="audit-hold"),
]
