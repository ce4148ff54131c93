"""``/api/v1/audit/sinks/``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.sinks import services
from audit.sinks.models import Format, Kind, Sends, Sink, State, Transport
from audit.sinks.services import log_size, sink_by_id
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.errors import Invalid


class SinkOut(serializers.ModelSerializer[Sink]):
    id = serializers.CharField(source="public_id")
    where = serializers.CharField(help_text="A webhook's without its path and query, which may hold a token.")
    state = serializers.ChoiceField(choices=State.choices, help_text="dead: it has failed for more than ten minutes.")
    behind = serializers.SerializerMethodField(help_text="How many sealed entries it has not got yet.")

    class Meta:
        model = Sink
        fields: tuple[str, ...] = (
            *("id", "name", "kind", "sends", "format", "where", "every", "enabled", "state", "cursor", "behind"),
            *("attempts", "last_ok_at", "failing_since", "last_error", "next_try_at", "created_at", "created_by"),
        )

    def get_behind(self, sink: Sink) -> int:
        return max(0, self._log_size - sink.cursor)

    @cached_property
    def _log_size(self) -> int:
        return log_size()


class SinkMade(SinkOut):
    secret = serializers.CharField(
        read_only=True, help_text="What a webhook's messages are signed with. Shown this once; empty for other kinds."
    )

    class Meta(SinkOut.Meta):
        fields = (*SinkOut.Meta.fields, "secret")


class SinkSettings(serializers.Serializer[Any]):
    format = serializers.ChoiceField(choices=Format.choices, required=False)
    every = serializers.IntegerField(min_value=0, required=False, help_text="Seconds between two checkpoints.")
    host = serializers.CharField(max_length=253, required=False, help_text="Of a syslog sink.")
    port = serializers.IntegerField(min_value=1, max_value=65535, required=False)
    transport = serializers.ChoiceField(choices=Transport.choices, required=False)
    ca_bundle = serializers.CharField(required=False, allow_blank=True, help_text="PEM; the system's if left out.")
    url = serializers.CharField(max_length=2000, required=False, help_text="Of a webhook. It is never shown again.")
    recipients = serializers.CharField(max_length=4000, required=False, help_text="Mail addresses, with commas.")


class SinkChange(SinkSettings):
    name = serializers.CharField(max_length=63, required=False)
    enabled = serializers.BooleanField(required=False, help_text="False pauses the sink.")


class SinkIn(SinkSettings):
    name = serializers.CharField(max_length=63)
    kind = serializers.ChoiceField(choices=Kind.choices)
    sends = serializers.ChoiceField(choices=Sends.choices, required=False)
    secret = serializers.CharField(
        max_length=200, required=False, write_only=True, help_text="Of a webhook (whsec_…); made if left out."
    )
    from_start = serializers.BooleanField(default=False, help_text="Begin with the first entry of the log.")


class Sinks(ListAPIView[Sink]):
    """Where the log is streamed to; POST makes a sink."""

    permissions: ClassVar = {"GET": Permission.SETTINGS_READ, "POST": Permission.SETTINGS_WRITE}
    serializer_class = SinkOut
    queryset = Sink.objects.all()

    def get_queryset(self) -> Any:
        return Sink.objects.visible_to(actor_of(self.request))

    @extend_schema(request=SinkIn, responses={201: SinkMade})
    def post(self, request: Request) -> Response:
        given = SinkIn(data=request.data)
        given.is_valid(raise_exception=True)
        sink, secret = services.create_sink(actor=actor_of(request), **given.validated_data)
        return Response({**SinkOut(sink).data, "secret": secret}, status=201, headers={"Cache-Control": "no-store"})


class SinkDetail(APIView):
    """One sink."""

    permissions: ClassVar = {
        "GET": Permission.SETTINGS_READ,
        "PATCH": Permission.SETTINGS_WRITE,
        "DELETE": Permission.SETTINGS_WRITE,
    }

    @extend_schema(responses=SinkOut)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(SinkOut(sink_by_id(public_id, actor=actor_of(request))).data)

    @extend_schema(request=SinkChange, responses=SinkOut)
    def patch(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        sink = sink_by_id(public_id, actor=actor)
        asked = SinkChange(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        enabled = given.pop("enabled", None)
        if given and enabled is not None:
            raise Invalid("pause or resume it in a request of its own", field="enabled")
        if enabled is not None:
            sink = services.set_enabled(sink, enabled, actor=actor)
        else:
            sink = services.change_sink(sink, actor=actor, **given)
        return Response(SinkOut(sink).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        services.delete_sink(sink_by_id(public_id, actor=actor_of(request)), actor=actor_of(request))
        return Response(status=204)


class TriedOut(serializers.Serializer[Any]):
    delivered = serializers.BooleanField()
    answer = serializers.CharField()


class SinkTest(APIView):
    """Send a test message, and say what came back."""

    permissions: ClassVar = {"POST": Permission.SETTINGS_WRITE}

    @extend_schema(request=None, responses=TriedOut)
    def post(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        return Response(TriedOut(services.try_sink(sink_by_id(public_id, actor=actor), actor=actor)).data)


class RewindIn(serializers.Serializer[Any]):
    position = serializers.IntegerField(min_value=0, help_text="Of the entry that is sent next.")


class SinkRewind(APIView):
    """Send again from a position on, or skip to it."""

    permissions: ClassVar = {"POST": Permission.SETTINGS_WRITE}

    @extend_schema(request=RewindIn, responses=SinkOut)
    def post(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        sink = sink_by_id(public_id, actor=actor)
        given = RewindIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(SinkOut(services.rewind_sink(sink, given.validated_data["position"], actor=actor)).data)


class SecretIn(serializers.Serializer[Any]):
    secret = serializers.CharField(max_length=200, required=False, write_only=True)


class SecretMade(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Shown this once.")


class SinkSecret(APIView):
    """Give a webhook another signing secret."""

    permissions: ClassVar = {"POST": Permission.SETTINGS_WRITE}

    @extend_schema(request=SecretIn, responses=SecretMade)
    def post(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        sink = sink_by_id(public_id, actor=actor)
        given = SecretIn(data=request.data)
        given.is_valid(raise_exception=True)
        secret = services.rotate_secret(sink, actor=actor, **given.validated_data)
        return Response({"secret": secret}, headers={"Cache-Control": "no-store"})


urlpatterns = [
    path("audit/sinks/", Sinks.as_view(), name="audit-sinks"),
    path("audit/sinks/<str:public_id>/", SinkDetail.as_view(), name="audit-sink"),
    path("audit/sinks/<str:public_id>/test/", SinkTest.as_view(), name="audit-sink-test"),
    path("audit/sinks/<str:public_id>/rewind/", SinkRewind.as_view(), name="audit-sink-rewind"),
    path("audit/sinks/<str:public_id>/secret/", SinkSecret.as_view(), name="audit-sink-secret"),
]
