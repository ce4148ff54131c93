"""``/api/v1/auth/``: tokens for programs that sign in as a person."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.sessions import origin
from accounts.throttling import throttle_address, throttle_sign_in
from accounts.tokens import Pair, refresh, revoke, sign_in
from rbac.guards import Access
from temps.lib.actor import Actor

LONGEST_TOKEN = 4096


class SignInIn(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, style={"input_type": "password"})
    otp = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        default="",
        help_text="The code of the authenticator app, or a recovery code.",
    )


class RefreshIn(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=LONGEST_TOKEN)


class RevokeIn(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=LONGEST_TOKEN, help_text="A refresh token or an access token.")


class PairOut(serializers.Serializer[Pair]):
    access = serializers.CharField()
    refresh = serializers.CharField(help_text="Works once: the answer to its use holds the next.")
    expires_in = serializers.IntegerField(help_text="Seconds for which the access token is good.")
    token_type = serializers.CharField(default="Bearer")


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class AuthView(APIView):
    """What is presented here is in the body; a credential in a header says nothing."""

    permissions: ClassVar = {"POST": Access.PUBLIC}
    authentication_classes = ()

    def visitor(self, request: Request) -> Actor:
        return Actor.anonymous(**origin(request))


class ObtainToken(AuthView):
    """Sign in with address and password. The codes of a refusal: ``wrong_credentials``, ``otp_required`` (send ``otp``
    too), ``wrong_otp``, ``mfa_enrolment_required`` (sign in with a browser first) and ``too_many_attempts``."""

    @extend_schema(request=SignInIn, responses=PairOut, auth=[], operation_id="auth_token")
    def post(self, request: Request) -> Response:
        given = SignInIn(data=request.data)
        given.is_valid(raise_exception=True)
        throttle_sign_in(request, given.validated_data["email"])
        return Response(PairOut(sign_in(**given.validated_data, actor=self.visitor(request))).data)


class RefreshToken(AuthView):
    """The next pair of tokens. A refresh token that was used before ends all tokens of its sign-in."""

    @extend_schema(request=RefreshIn, responses=PairOut, auth=[], operation_id="auth_refresh")
    def post(self, request: Request) -> Response:
        throttle_address(request, "token.refresh", "60/m")
        given = RefreshIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(PairOut(refresh(given.validated_data["refresh"], actor=self.visitor(request))).data)


class RevokeToken(AuthView):
    """Sign out: all tokens of the sign-in that this one came of end (RFC 7009)."""

    @extend_schema(request=RevokeIn, responses={204: None}, auth=[], operation_id="auth_revoke")
    def post(self, request: Request) -> Response:
        throttle_address(request, "token.revoke", "60/m")
        given = RevokeIn(data=request.data)
        given.is_valid(raise_exception=True)
        revoke(given.validated_data["token"], actor=self.visitor(request))
        return Response(status=204)
