"""``/api/v1/firewall/``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from firewall.headers import Preset
from firewall.models import IpRule, IpRuleQuerySet, RateLimit, RuleAction
from firewall.networks import clean_address
from firewall.services import (
    LONGEST_WINDOW,
    MOST_REQUESTS,
    allow,
    block,
    header_preset,
    rate_limit_by_id,
    remove_rate_limit,
    remove_rule,
    rule_by_id,
    set_header_preset,
    set_rate_limit,
)
from firewall.simulation import simulate
from projects.services import project_by_slug
from rbac.guards import actor_of
from rbac.permissions import Permission

READ, WRITE = Permission.FIREWALL_READ, Permission.FIREWALL_WRITE


class RuleOut(serializers.ModelSerializer[IpRule]):
    id = serializers.CharField(source="public_id")
    project = serializers.SlugRelatedField[Any]("slug", read_only=True, help_text="null: the whole platform")

    class Meta:
        model = IpRule
        fields = (
            *("id", "action", "network", "project", "reason", "expires_at"),
            *("hits", "last_hit_at", "created_at", "created_by"),
        )


class RuleIn(serializers.Serializer[Any]):
    action = serializers.ChoiceField(RuleAction.choices)
    network = serializers.CharField(max_length=60, help_text="an address, or a network in CIDR form")
    project = serializers.CharField(max_length=63, required=False, help_text="left out: the whole platform")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    confirm = serializers.BooleanField(default=False, help_text="make it even if it cuts off your own address")


class RuleFilter(filters.FilterSet):  # type: ignore[misc]
    project = filters.CharFilter("project__slug", help_text="rules of this project")
    action = filters.ChoiceFilter(choices=RuleAction.choices)
    address = filters.CharFilter(method="covering", label="rules whose network holds this address")

    class Meta:
        model = IpRule
        fields: ClassVar[list[str]] = []

    def covering(self, rules: IpRuleQuerySet, name: str, value: str) -> IpRuleQuerySet:
        return rules.covering(clean_address(value))


class Rules(ListAPIView[IpRule]):
    """The rules that you may see; POST makes one, which holds within a second."""

    permissions: ClassVar = {"GET": READ, "POST": WRITE}
    serializer_class = RuleOut
    filterset_class = RuleFilter
    queryset = IpRule.objects.all()

    def get_queryset(self) -> Any:
        return IpRule.objects.visible_to(actor_of(self.request)).select_related("project")

    @extend_schema(request=RuleIn, responses={201: RuleOut})
    def post(self, request: Request) -> Response:
        given = RuleIn(data=request.data)
        given.is_valid(raise_exception=True)
        actor, what = actor_of(request), dict(given.validated_data)
        action, network, confirm = what.pop("action"), what.pop("network"), what.pop("confirm")
        if slug := what.pop("project", None):
            what["project"] = project_by_slug(slug, actor=actor, permission=READ)
        if action == RuleAction.ALLOW:
            rule = allow(network, actor=actor, **what)
        else:
            rule = block(network, actor=actor, confirm=confirm, **what)
        return Response(RuleOut(rule).data, status=201)


CONFIRM = OpenApiParameter("confirm", OpenApiTypes.BOOL, description="remove it even if that cuts off your own address")


class RuleDetail(APIView):
    """One rule."""

    permissions: ClassVar = {"GET": READ, "DELETE": WRITE}

    @extend_schema(responses=RuleOut)
    def get(self, request: Request, rule_id: str) -> Response:
        return Response(RuleOut(rule_by_id(rule_id, actor=actor_of(request))).data)

    @extend_schema(parameters=[CONFIRM], responses={204: None})
    def delete(self, request: Request, rule_id: str) -> Response:
        confirm = request.query_params.get("confirm", "").lower() in ("true", "1")
        remove_rule(rule_by_id(rule_id, actor=actor_of(request)), actor=actor_of(request), confirm=confirm)
        return Response(status=204)


class LimitOnPath(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="empty: every path")
    requests = serializers.IntegerField()
    window = serializers.IntegerField(help_text="seconds")


class SimulationIn(serializers.Serializer[Any]):
    address = serializers.CharField(max_length=60)
    project = serializers.CharField(max_length=63, default="", allow_blank=True)
    path = serializers.CharField(max_length=2000, default="/")


class SimulationOut(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(["blocked", "allowed"])
    because = serializers.CharField()
    address = serializers.CharField()
    path = serializers.CharField()
    project = serializers.CharField()
    rule = RuleOut(allow_null=True)
    limits = LimitOnPath(many=True)
    version = serializers.IntegerField(help_text="of the policy that says so")


class Test(APIView):
    """What would happen to a request, and why."""

    permissions: ClassVar = {"POST": READ}

    @extend_schema(request=SimulationIn, responses={200: SimulationOut})
    def post(self, request: Request) -> Response:
        given = SimulationIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(SimulationOut(simulate(actor=actor_of(request), **given.validated_data)).data)


class LimitOut(serializers.ModelSerializer[RateLimit]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = RateLimit
        fields = ("id", "path", "requests", "window", "created_at", "created_by")


class LimitIn(serializers.Serializer[Any]):
    path = serializers.CharField(max_length=200, allow_blank=True, default="", help_text="such as /api/*; empty: all")
    requests = serializers.IntegerField(min_value=1, max_value=MOST_REQUESTS)
    window = serializers.IntegerField(min_value=1, max_value=int(LONGEST_WINDOW.total_seconds()), help_text="seconds")


class RateLimits(ListAPIView[RateLimit]):
    """The rate limits of the platform, per client address; POST sets the one on a path pattern."""

    permissions: ClassVar = {"GET": READ, "POST": WRITE}
    serializer_class = LimitOut
    queryset = RateLimit.objects.all()

    def get_queryset(self) -> Any:
        return RateLimit.objects.visible_to(actor_of(self.request))

    @extend_schema(request=LimitIn, responses={201: LimitOut})
    def post(self, request: Request) -> Response:
        given = LimitIn(data=request.data)
        given.is_valid(raise_exception=True)
        what = given.validated_data
        window = timedelta(seconds=what["window"])
        limit = set_rate_limit(what["path"], what["requests"], window, actor=actor_of(request))
        return Response(LimitOut(limit).data, status=201)


class RateLimitDetail(APIView):
    """One rate limit."""

    permissions: ClassVar = {"GET": READ, "DELETE": WRITE}

    @extend_schema(responses=LimitOut)
    def get(self, request: Request, limit_id: str) -> Response:
        return Response(LimitOut(rate_limit_by_id(limit_id, actor=actor_of(request))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, limit_id: str) -> Response:
        remove_rate_limit(rate_limit_by_id(limit_id, actor=actor_of(request)), actor=actor_of(request))
        return Response(status=204)


class HeaderPreset(serializers.Serializer[Any]):
    preset = serializers.ChoiceField(list(Preset))


class SecurityHeaders(APIView):
    """The preset of security headers on the platform's own answers."""

    permissions: ClassVar = {"GET": READ, "PUT": WRITE}

    @extend_schema(responses=HeaderPreset)
    def get(self, request: Request) -> Response:
        return Response({"preset": header_preset(actor=actor_of(request))})

    @extend_schema(request=HeaderPreset, responses=HeaderPreset)
    def put(self, request: Request) -> Response:
        given = HeaderPreset(data=request.data)
        given.is_valid(raise_exception=True)
        return Response({"preset": set_header_preset(given.validated_data["preset"], actor=actor_of(request))})


urlpatterns = [
    path("firewall/rules/", Rules.as_view(), name="firewall-rules"),
    path("firewall/rules/<str:rule_id>/", RuleDetail.as_view(), name="firewall-rule"),
    path("firewall/test/", Test.as_view(), name="firewall-test"),
    path("firewall/rate-limits/", RateLimits.as_view(), name="firewall-rate-limits"),
    path("firewall/rate-limits/<str:limit_id>/", RateLimitDetail.as_view(), name="firewall-rate-limit"),
    path("firewall/headers/", SecurityHeaders.as_view(), name="firewall-headers"),
]
