"""``/api/v1/auth/step-up``: what a session or an access token does when an answer was ``step_up_required``."""

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

from accounts.confirming import confirm, confirm_family
from accounts.services import user_by_id
from accounts.sessions import mark_confirmed
from accounts.throttling import throttle_sign_in
from rbac.guards import Access, actor_of
from temps.lib.actor import CredentialKind


class StepUpIn(serializers.Serializer[Any]):
    otp = serializers.CharField(
        max_length=16, required=False, allow_blank=True, default="", help_text="The code of the authenticator app."
    )
    password = serializers.CharField(
        max_length=1024,
        required=False,
        allow_blank=True,
        default="",
        trim_whitespace=False,
        help_text="Where you have no second factor.",
        style={"input_type": "password"},
    )


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class StepUp(APIView):
    """Confirm that it is you, for ten minutes; then repeat what was refused with ``step_up_required``. The tokens that
    you have go on working, and API keys cannot confirm."""

    permissions: ClassVar = {"POST": Access.OWN}

    @extend_schema(request=StepUpIn, responses={204: None}, operation_id="auth_step_up")
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        given = StepUpIn(data=request.data)
        given.is_valid(raise_exception=True)
        throttle_sign_in(request._request, actor.label)
        user = user_by_id(actor.id, actor=actor)
        if actor.credential.kind is CredentialKind.JWT:
            confirm_family(user, **given.validated_data, actor=actor)
        else:
            factor = confirm(user, **given.validated_data, actor=actor)
            mark_confirmed(request._request.session, user, factor)
            request._request.session.cycle_key()
        return Response(status=204)
