"""``/api/v1/identity-providers/``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.providers import services
from accounts.providers.models import IdentityProvider, Kind
from accounts.providers.services import provider_by_id, redirect_uri
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.errors import Invalid


class ProviderOut(serializers.ModelSerializer[IdentityProvider]):
    id = serializers.CharField(source="public_id")
    scopes = serializers.ListField(child=serializers.CharField())
    domains = serializers.ListField(child=serializers.CharField())
    redirect_uri = serializers.SerializerMethodField(help_text="To be registered there, letter by letter.")

    class Meta:
        model = IdentityProvider
        fields = (
            *("id", "slug", "kind", "name", "server_url", "client_id", "scopes", "create_accounts", "domains"),
            *("groups_claim", "enabled", "redirect_uri", "created_at", "created_by"),
        )

    def get_redirect_uri(self, provider: IdentityProvider) -> str:
        request = self.context.get("request")
        return redirect_uri(provider, request._request if isinstance(request, Request) else None)


class ProviderSettings(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60, required=False, help_text="What its button says.")
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=50,
        required=False,
        help_text="Asked for beyond what signing in needs.",
    )
    create_accounts = serializers.BooleanField(
        required=False, help_text="Make accounts, without roles, for verified addresses of the domains."
    )
    domains = serializers.ListField(child=serializers.CharField(max_length=253), max_length=50, required=False)
    groups_claim = serializers.CharField(
        max_length=100, required=False, allow_blank=True, help_text="The claim that lists groups, such as groups."
    )


class ProviderIn(ProviderSettings):
    slug = serializers.CharField(max_length=40, help_text="In its addresses; it stays.")
    kind = serializers.ChoiceField(choices=Kind.choices)
    server_url = serializers.CharField(
        max_length=400, required=False, help_text="The issuer of OpenID Connect; your own GitLab or GitHub Enterprise."
    )
    client_id = serializers.CharField(max_length=200)
    client_secret = serializers.CharField(max_length=500, write_only=True, help_text="Never shown again.")
    enabled = serializers.BooleanField(default=True)


class ProviderChange(ProviderSettings):
    client_id = serializers.CharField(max_length=200, required=False)
    client_secret = serializers.CharField(max_length=500, required=False, write_only=True)
    enabled = serializers.BooleanField(required=False)


class Providers(ListAPIView[IdentityProvider]):
    """Where people may sign in with accounts of; POST adds a provider."""

    permissions: ClassVar = {"GET": Permission.SETTINGS_READ, "POST": Permission.SETTINGS_WRITE}
    serializer_class = ProviderOut
    queryset = IdentityProvider.objects.all()

    def get_queryset(self) -> Any:
        return IdentityProvider.objects.visible_to(actor_of(self.request))

    @extend_schema(request=ProviderIn, responses={201: ProviderOut})
    def post(self, request: Request) -> Response:
        given = ProviderIn(data=request.data)
        given.is_valid(raise_exception=True)
        provider = services.create_provider(actor=actor_of(request), **given.validated_data)
        return Response(_shown(provider, request), status=201)


class ProviderDetail(APIView):
    """One provider. DELETE removes it with every link to it."""

    permissions: ClassVar = {
        "GET": Permission.SETTINGS_READ,
        "PATCH": Permission.SETTINGS_WRITE,
        "DELETE": Permission.SETTINGS_WRITE,
    }

    @extend_schema(responses=ProviderOut)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(_shown(provider_by_id(public_id, actor=actor_of(request)), request))

    @extend_schema(request=ProviderChange, responses=ProviderOut)
    def patch(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        provider = provider_by_id(public_id, actor=actor)
        asked = ProviderChange(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        enabled = given.pop("enabled", None)
        if given and enabled is not None:
            raise Invalid("enable or disable it in a request of its own", field="enabled")
        if enabled is not None:
            provider = services.set_enabled(provider, enabled, actor=actor)
        else:
            provider = services.change_provider(provider, actor=actor, **given)
        return Response(_shown(provider, request))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        services.delete_provider(provider_by_id(public_id, actor=actor), actor=actor)
        return Response(status=204)


def _shown(provider: IdentityProvider, request: Request) -> Any:
    return ProviderOut(provider, context={"request": request}).data


urlpatterns = [
    path("identity-providers/", Providers.as_view(), name="identity-providers"),
    path("identity-providers/<str:public_id>/", ProviderDetail.as_view(), name="identity-provider"),
]
