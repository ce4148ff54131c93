"""``/api/v1/mfa/``: one's own second factors. They are enrolled in a browser."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.mfa.enrolling import LONGEST_NAME
from accounts.mfa.factors import Factor, list_factors, own_factor, remove_factor, rename_factor, reset_factors
from accounts.mfa.own_codes import renew_own_codes
from accounts.mfa.recovery import recovery_codes_of
from accounts.models import User
from accounts.policy import mfa_required_of
from accounts.services import user_by_id
from rbac.guards import Access, actor_of
from rbac.permissions import Permission


class FactorOut(serializers.Serializer[Factor]):
    id = serializers.CharField(source="public_id")
    kind = serializers.ChoiceField(choices=[("app", "authenticator app"), ("passkey", "passkey")])
    name = serializers.CharField()
    host = serializers.CharField(help_text="Where a passkey works; empty for an app.")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class MfaOut(serializers.Serializer[Any]):
    is_required = serializers.BooleanField(help_text="Whether the policy demands a second factor of you.")
    factors = FactorOut(many=True)
    recovery_codes_left = serializers.IntegerField(allow_null=True, help_text="Null where there are none.")


class FactorName(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=LONGEST_NAME)


class CodesOut(serializers.Serializer[Any]):
    codes = serializers.ListField(child=serializers.CharField(), help_text="Shown this once.")


def _user(request: Request) -> User:
    actor = actor_of(request)
    return user_by_id(actor.id, actor=actor)


class Mfa(APIView):
    """Your second factors, and how many recovery codes are left."""

    permissions: ClassVar = {"GET": Access.OWN}

    @extend_schema(responses=MfaOut, operation_id="mfa")
    def get(self, request: Request) -> Response:
        user = _user(request)
        codes = recovery_codes_of(user)
        told = {
            "is_required": mfa_required_of(user),
            "factors": list_factors(user),
            "recovery_codes_left": codes.left if codes else None,
        }
        return Response(MfaOut(told).data)


class MfaFactor(APIView):
    """One of your factors: PATCH renames it; DELETE removes it, and ends the sessions and tokens that began with it.
    The last one stays while the policy demands one (409)."""

    permissions: ClassVar = {"GET": Access.OWN, "PATCH": Access.OWN, "DELETE": Access.OWN}

    @extend_schema(responses=FactorOut)
    def get(self, request: Request, factor_id: str) -> Response:
        return Response(FactorOut(own_factor(_user(request), factor_id, actor=actor_of(request))).data)

    @extend_schema(request=FactorName, responses=FactorOut)
    def patch(self, request: Request, factor_id: str) -> Response:
        user, actor = _user(request), actor_of(request)
        own_factor(user, factor_id, actor=actor)
        given = FactorName(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(FactorOut(rename_factor(user, factor_id, given.validated_data["name"], actor=actor)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, factor_id: str) -> Response:
        remove_factor(_user(request), factor_id, actor=actor_of(request))
        return Response(status=204)


class MfaRecoveryCodes(APIView):
    """Ten new recovery codes; those before are void."""

    permissions: ClassVar = {"POST": Access.OWN}

    @extend_schema(request=None, responses={201: CodesOut})
    def post(self, request: Request) -> Response:
        codes = renew_own_codes(request._request, _user(request), actor=actor_of(request))
        return Response({"codes": codes}, status=201, headers={"Cache-Control": "no-store"})


class ResetOut(serializers.Serializer[Any]):
    removed = serializers.IntegerField(help_text="How many second factors there were.")


class MfaReset(APIView):
    """Take all second factors, and the recovery codes, of someone who lost them away; their sessions and tokens end."""

    permissions: ClassVar = {"POST": Permission.USERS_UPDATE}

    @extend_schema(request=None, responses=ResetOut, operation_id="user_reset_mfa")
    def post(self, request: Request, user_id: str) -> Response:
        actor = actor_of(request)
        return Response({"removed": reset_factors(user_by_id(user_id, actor=actor), actor=actor)})


urlpatterns = [
    path("users/<str:user_id>/reset-mfa/", MfaReset.as_view(), name="user-reset-mfa"),
    path("mfa/", Mfa.as_view(), name="mfa"),
    path("mfa/recovery-codes/", MfaRecoveryCodes.as_view(), name="mfa-recovery-codes"),
    path("mfa/<str:factor_id>/", MfaFactor.as_view(), name="mfa-factor"),
]
