"""``/api/v1/alerts/``, ``/api/v1/alert-rules/`` and ``/api/v1/alert-channels/``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.alerts import channels, services
from audit.alerts.models import Alert, AlertState, Channel, ChannelKind, GroupBy, Rule, Severity
from rbac.guards import actor_of
from rbac.permissions import Permission

READ, WRITE = Permission.MONITORING_READ, Permission.MONITORING_WRITE


class AlertOut(serializers.ModelSerializer[Alert]):
    id = serializers.CharField(source="public_id")
    rule = serializers.CharField(source="rule.public_id")

    class Meta:
        model = Alert
        fields = (
            *("id", "rule", "severity", "state", "title", "group", "count", "first_at", "last_at", "details"),
            *("notified_at", "acknowledged_by", "acknowledged_at", "resolved_at"),
        )


class AlertFilter(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=AlertState.choices, required=False)


@extend_schema_view(get=extend_schema(parameters=[AlertFilter]))
class Alerts(ListAPIView[Alert]):
    """What was found, newest first."""

    permissions: ClassVar = {"GET": READ}
    serializer_class = AlertOut
    queryset = Alert.objects.all()

    def get_queryset(self) -> Any:
        asked = AlertFilter(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        return Alert.objects.visible_to(actor_of(self.request)).select_related("rule").filter(**asked.validated_data)


class AlertDetail(APIView):
    """One alert."""

    permissions: ClassVar = {"GET": READ}

    @extend_schema(responses=AlertOut)
    def get(self, request: Request, alert_id: str) -> Response:
        return Response(AlertOut(services.alert_by_id(alert_id, actor=actor_of(request))).data)


class Acknowledgement(APIView):
    """That somebody looks after it: it counts on, and nobody is reminded."""

    permissions: ClassVar = {"POST": WRITE}

    @extend_schema(request=None, responses=AlertOut)
    def post(self, request: Request, alert_id: str) -> Response:
        actor = actor_of(request)
        alert = services.acknowledge(services.alert_by_id(alert_id, actor=actor), actor=actor)
        return Response(AlertOut(alert).data)


class AlertRuleOut(serializers.ModelSerializer[Rule]):
    id = serializers.CharField(source="public_id")
    key = serializers.CharField(allow_null=True, help_text="Names a rule that comes with Temps.")

    class Meta:
        model = Rule
        fields = (
            *("id", "key", "name", "kind", "enabled", "severity", "operations", "results"),
            *("threshold", "window", "group_by", "created_at", "created_by"),
        )


class AlertRuleChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    enabled = serializers.BooleanField(required=False)
    operations = serializers.ListField(child=serializers.CharField(max_length=60), max_length=200, required=False)
    results = serializers.ListField(child=serializers.CharField(max_length=60), max_length=3, required=False)
    threshold = serializers.IntegerField(required=False, help_text="How many within the window.")
    window = serializers.IntegerField(required=False, help_text="Seconds.")
    group_by = serializers.ChoiceField(choices=GroupBy.choices, required=False)
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)


class AlertRuleIn(AlertRuleChange):
    name = serializers.CharField(max_length=120)
    enabled = None  # type: ignore[assignment]  # a new rule is on


class Rules(ListAPIView[Rule]):
    """What is watched for; POST adds a rule of your own."""

    permissions: ClassVar = {"GET": READ, "POST": WRITE}
    serializer_class = AlertRuleOut
    queryset = Rule.objects.all()

    def get_queryset(self) -> Any:
        return Rule.objects.visible_to(actor_of(self.request))

    @extend_schema(request=AlertRuleIn, responses={201: AlertRuleOut})
    def post(self, request: Request) -> Response:
        given = AlertRuleIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(
            AlertRuleOut(services.create_rule(actor=actor_of(request), **given.validated_data)).data, status=201
        )


class RuleDetail(APIView):
    """One rule, by its id or, of those that come with Temps, by its key."""

    permissions: ClassVar = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @extend_schema(responses=AlertRuleOut)
    def get(self, request: Request, rule_id: str) -> Response:
        return Response(AlertRuleOut(services.rule_by_id(rule_id, actor=actor_of(request))).data)

    @extend_schema(request=AlertRuleChange, responses=AlertRuleOut)
    def patch(self, request: Request, rule_id: str) -> Response:
        actor = actor_of(request)
        rule = services.rule_by_id(rule_id, actor=actor)
        given = AlertRuleChange(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(AlertRuleOut(services.update_rule(rule, actor=actor, **given.validated_data)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, rule_id: str) -> Response:
        actor = actor_of(request)
        services.delete_rule(services.rule_by_id(rule_id, actor=actor), actor=actor)
        return Response(status=204)


CHANNEL_FIELDS: tuple[str, ...] = (
    *("id", "name", "kind", "address", "enabled", "minimum_severity", "delivered_at", "failures"),
    *("last_error", "created_at", "created_by"),
)


class AlertChannelOut(serializers.ModelSerializer[Channel]):
    id = serializers.CharField(source="public_id")
    address = serializers.CharField(help_text="The mail address, or the host of the web address.")
    last_error = serializers.CharField(help_text="Empty when the last attempt succeeded.")

    class Meta:
        model = Channel
        fields = CHANNEL_FIELDS


class AlertChannelMade(AlertChannelOut):
    secret = serializers.SerializerMethodField(help_text="What signs a webhook's messages. It is not shown again.")

    class Meta(AlertChannelOut.Meta):
        fields = (*CHANNEL_FIELDS, "secret")

    def get_secret(self, _channel: Channel) -> str:
        return str(self.context.get("secret", ""))


class AlertChannelIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=ChannelKind.choices)
    address = serializers.CharField(
        max_length=2000, write_only=True, help_text="A mail address, or the whole web address."
    )
    minimum_severity = serializers.ChoiceField(choices=Severity.choices, default=Severity.INFO)


class AlertChannelChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    enabled = serializers.BooleanField(required=False)
    minimum_severity = serializers.ChoiceField(choices=Severity.choices, required=False)


class Channels(ListAPIView[Channel]):
    """Who is told; POST adds a channel. The answer to that alone shows a webhook's signing secret."""

    permissions: ClassVar = {"GET": READ, "POST": WRITE}
    serializer_class = AlertChannelOut
    queryset = Channel.objects.all()

    def get_queryset(self) -> Any:
        return Channel.objects.visible_to(actor_of(self.request))

    @extend_schema(request=AlertChannelIn, responses={201: AlertChannelMade})
    def post(self, request: Request) -> Response:
        given = AlertChannelIn(data=request.data)
        given.is_valid(raise_exception=True)
        channel, secret = channels.add(**given.validated_data, actor=actor_of(request))
        made = AlertChannelMade(channel, context={"secret": secret})
        return Response(made.data, status=201, headers={"Cache-Control": "no-store"})


class ChannelDetail(APIView):
    """One channel."""

    permissions: ClassVar = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @extend_schema(responses=AlertChannelOut)
    def get(self, request: Request, channel_id: str) -> Response:
        return Response(AlertChannelOut(channels.channel_by_id(channel_id, actor=actor_of(request))).data)

    @extend_schema(request=AlertChannelChange, responses=AlertChannelOut)
    def patch(self, request: Request, channel_id: str) -> Response:
        actor = actor_of(request)
        channel = channels.channel_by_id(channel_id, actor=actor)
        given = AlertChannelChange(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(AlertChannelOut(channels.update_channel(channel, actor=actor, **given.validated_data)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, channel_id: str) -> Response:
        actor = actor_of(request)
        channels.remove_channel(channels.channel_by_id(channel_id, actor=actor), actor=actor)
        return Response(status=204)


class AlertTestOut(serializers.Serializer[Any]):
    arrived = serializers.BooleanField()
    error = serializers.CharField(help_text="Why it did not arrive.")


class ChannelTest(APIView):
    """Send a test message now, and say whether it arrived."""

    permissions: ClassVar = {"POST": WRITE}

    @extend_schema(request=None, responses=AlertTestOut)
    def post(self, request: Request, channel_id: str) -> Response:
        actor = actor_of(request)
        try:
            channels.send_test(channels.channel_by_id(channel_id, actor=actor), actor=actor)
        except channels.NotArrived as error:
            return Response(AlertTestOut({"arrived": False, "error": error.public_message}).data)
        return Response(AlertTestOut({"arrived": True, "error": ""}).data)


urlpatterns = [
    path("alerts/", Alerts.as_view(), name="alerts"),
    path("alerts/<str:alert_id>/", AlertDetail.as_view(), name="alert"),
    path("alerts/<str:alert_id>/acknowledge/", Acknowledgement.as_view(), name="alert-acknowledge"),
    path("alert-rules/", Rules.as_view(), name="alert-rules"),
    path("alert-rules/<str:rule_id>/", RuleDetail.as_view(), name="alert-rule"),
    path("alert-channels/", Channels.as_view(), name="alert-channels"),
    path("alert-channels/<str:channel_id>/", ChannelDetail.as_view(), name="alert-channel"),
    path("alert-channels/<str:channel_id>/test/", ChannelTest.as_view(), name="alert-channel-test"),
]
