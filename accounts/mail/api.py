"""``/api/v1/mail/``."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.mail import services
from accounts.mail.models import MailServer, Provider, Security
from accounts.mail.services import Given
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib import mail


class MailServerOut(serializers.ModelSerializer[MailServer]):
    has_secret = serializers.SerializerMethodField(help_text="Whether a password or key is stored; it is never shown.")

    class Meta:
        model = MailServer
        fields = (
            *("provider", "from_email", "host", "port", "security", "username", "domain", "region", "api_url"),
            *("has_secret", "updated_at", "updated_by", "failed_at", "last_error"),
        )
        extra_kwargs: ClassVar = {
            "failed_at": {"help_text": "When it last did not take a message; null when it has taken one since."},
            "last_error": {"help_text": "Why, in one clause; empty while it works."},
        }

    def get_has_secret(self, server: MailServer) -> bool:
        return server.sealed_secret is not None


class MailOut(serializers.Serializer[Any]):
    available = serializers.BooleanField(help_text="Whether mail can be sent, by this server or the environment's.")
    server = MailServerOut(allow_null=True)


class MailServerIn(serializers.Serializer[Any]):
    provider = serializers.ChoiceField(Provider.choices)
    from_email = serializers.CharField(max_length=254)
    secret = serializers.CharField(
        max_length=4096,
        required=False,
        write_only=True,
        trim_whitespace=False,
        help_text="The password, key or token. Left out, the stored one stays, while mail goes where it went before.",
    )
    host = serializers.CharField(max_length=253, required=False, allow_blank=True)
    port = serializers.IntegerField(min_value=1, max_value=65535, required=False)
    security = serializers.ChoiceField(Security.choices, required=False)
    username = serializers.CharField(max_length=254, required=False, allow_blank=True)
    domain = serializers.CharField(max_length=253, required=False, allow_blank=True, help_text="Of Mailgun.")
    region = serializers.CharField(
        max_length=32, required=False, allow_blank=True, help_text="Of Mailgun or Amazon SES."
    )
    api_url = serializers.CharField(max_length=300, required=False, allow_blank=True)


class TestIn(serializers.Serializer[Any]):
    to = serializers.CharField(max_length=254, required=False, help_text="An address; your own if left out.")


class TestOut(serializers.Serializer[Any]):
    delivered = serializers.BooleanField()
    answer = serializers.CharField()


class Mail(APIView):
    """The server that mail goes out through."""

    permissions: ClassVar = {
        "GET": Permission.SETTINGS_READ,
        "PUT": Permission.SETTINGS_WRITE,
        "DELETE": Permission.SETTINGS_WRITE,
    }

    @extend_schema(responses=MailOut)
    def get(self, request: Request) -> Response:
        return Response(_shown(services.mail_server(actor=actor_of(request))))

    @extend_schema(request=MailServerIn, responses=MailOut)
    def put(self, request: Request) -> Response:
        given = MailServerIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        provider, from_email = str(values.pop("provider")), values.pop("from_email")
        secret = values.pop("secret", "")
        server = services.set_mail_server(
            provider, from_email, secret=secret, actor=actor_of(request), **cast(Given, values)
        )
        return Response(_shown(server))

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        services.remove_mail_server(actor=actor_of(request))
        return Response(status=204)


class MailTest(APIView):
    """POST sends a test message and says what came of it."""

    permissions: ClassVar = {"POST": Permission.SETTINGS_WRITE}

    @extend_schema(request=TestIn, responses=TestOut)
    def post(self, request: Request) -> Response:
        given = TestIn(data=request.data)
        given.is_valid(raise_exception=True)
        tried = services.send_test(given.validated_data.get("to", ""), actor=actor_of(request))
        return Response(TestOut(tried).data)


def _shown(server: MailServer | None) -> dict[str, Any]:
    return {"available": mail.available(), "server": MailServerOut(server).data if server else None}


urlpatterns = [
    path("mail/", Mail.as_view(), name="mail"),
    path("mail/test/", MailTest.as_view(), name="mail-test"),
]
