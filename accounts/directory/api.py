"""``/api/v1/directories/``. Passwords of bind DNs go in and never come out."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.directory import services
from accounts.directory.linking import LOGIN_LIMIT, link_account, try_directory, unlink_account
from accounts.directory.models import Directory, GroupType, Security
from accounts.directory.services import directory_by_id
from accounts.services import visible_user_by_email
from rbac.guards import actor_of
from rbac.permissions import Permission

SETTINGS = (
    *("uris", "security", "ca_bundle", "bind_dn", "timeout", "enabled", "create_accounts"),
    *("user_base", "user_filter", "id_attribute", "mail_attribute", "name_attribute"),
    *("group_type", "group_base", "group_filter", "member_attribute", "required_group"),
)


class DirectoryOut(serializers.ModelSerializer[Directory]):
    id = serializers.CharField(source="public_id")
    source = serializers.CharField(  # type: ignore[assignment]  # also a setting of every field
        help_text="What group roles call it."
    )
    has_password = serializers.BooleanField()
    is_failing = serializers.BooleanField(help_text="Whether it did not answer when it was last asked.")

    class Meta:
        model = Directory
        fields = (
            *("id", "name", "source", *SETTINGS, "has_password"),
            *("is_failing", "last_ok_at", "last_error", "last_error_at", "created_at", "created_by"),
        )


class DirectorySettings(serializers.Serializer[Any]):
    uris = serializers.CharField(
        max_length=2000, required=False, help_text="ldaps://HOST, several with blanks between, asked in this order."
    )
    security = serializers.ChoiceField(choices=Security.choices, required=False)
    ca_bundle = serializers.CharField(
        required=False, allow_blank=True, max_length=100_000, help_text="PEM; the system's authorities if left out."
    )
    bind_dn = serializers.CharField(max_length=500, required=False, allow_blank=True)
    bind_password = serializers.CharField(
        max_length=1024, required=False, write_only=True, trim_whitespace=False, style={"input_type": "password"}
    )
    timeout = serializers.IntegerField(min_value=1, max_value=30, required=False, help_text="Seconds.")
    enabled = serializers.BooleanField(required=False)
    create_accounts = serializers.BooleanField(
        required=False, help_text="Make an account for everyone whom the directory knows and who signs in."
    )
    user_base = serializers.CharField(max_length=500, required=False)
    user_filter = serializers.CharField(
        max_length=500, required=False, help_text="%(user)s is the address typed, %(local)s what is before its @."
    )
    id_attribute = serializers.CharField(max_length=60, required=False, help_text="objectGUID in Active Directory.")
    mail_attribute = serializers.CharField(max_length=60, required=False)
    name_attribute = serializers.CharField(max_length=60, required=False)
    group_type = serializers.ChoiceField(choices=GroupType.choices, required=False)
    group_base = serializers.CharField(max_length=500, required=False, allow_blank=True)
    group_filter = serializers.CharField(max_length=500, required=False)
    member_attribute = serializers.CharField(max_length=60, required=False)
    required_group = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="Only its members sign in; a distinguished name."
    )


class DirectoryIn(DirectorySettings):
    name = serializers.CharField(max_length=40)
    uris = serializers.CharField(max_length=2000)
    user_base = serializers.CharField(max_length=500)


class Directories(ListAPIView[Directory]):
    """The LDAP directories whose people sign in; POST adds one."""

    permissions: ClassVar = {"GET": Permission.SETTINGS_READ, "POST": Permission.ROLES_CREATE}
    serializer_class = DirectoryOut
    queryset = Directory.objects.all()

    def get_queryset(self) -> Any:
        return Directory.objects.visible_to(actor_of(self.request))

    @extend_schema(request=DirectoryIn, responses={201: DirectoryOut})
    def post(self, request: Request) -> Response:
        given = DirectoryIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.create_directory(actor=actor_of(request), **given.validated_data)
        return Response(DirectoryOut(made).data, status=201)


class DirectoryDetail(APIView):
    """One directory. Its name stays: roles are marked with it."""

    permissions: ClassVar = {
        "GET": Permission.SETTINGS_READ,
        "PATCH": Permission.ROLES_CREATE,
        "DELETE": Permission.ROLES_CREATE,
    }

    @extend_schema(responses=DirectoryOut)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(DirectoryOut(directory_by_id(public_id, actor=actor_of(request))).data)

    @extend_schema(request=DirectorySettings, responses=DirectoryOut)
    def patch(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        directory = directory_by_id(public_id, actor=actor)
        given = DirectorySettings(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(DirectoryOut(services.change_directory(directory, actor=actor, **given.validated_data)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        services.delete_directory(directory_by_id(public_id, actor=actor), actor=actor)
        return Response(status=204)


class TryIn(serializers.Serializer[Any]):
    login = serializers.CharField(max_length=LOGIN_LIMIT, help_text="As they would type it to sign in.")


class LookedUp(serializers.Serializer[Any]):
    problem = serializers.CharField(help_text="Empty where this person could sign in.")
    dn = serializers.CharField(source="known.entry.dn", default="")
    name = serializers.CharField(source="known.entry.name", default="")
    mails = serializers.ListField(source="known.entry.mails", child=serializers.CharField(), default=[])
    groups = serializers.ListField(source="known.groups", child=serializers.CharField(), default=[])


class DirectoryTest(APIView):
    """Look somebody up, without their password, and say what is found."""

    permissions: ClassVar = {"POST": Permission.ROLES_CREATE}

    @extend_schema(request=TryIn, responses=LookedUp)
    def post(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        directory = directory_by_id(public_id, actor=actor)
        given = TryIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(LookedUp(try_directory(directory, given.validated_data["login"], actor=actor)).data)


class LinkIn(TryIn):
    email = serializers.CharField(max_length=254, help_text="Of the account that is here already.")


class UnlinkIn(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)


class DirectoryLinks(APIView):
    """Let the directory check the password of an account that is here already, in place of Temps."""

    permissions: ClassVar = {"POST": Permission.ROLES_CREATE}

    @extend_schema(request=LinkIn, responses={204: None})
    def post(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        directory = directory_by_id(public_id, actor=actor)
        given = LinkIn(data=request.data)
        given.is_valid(raise_exception=True)
        user = visible_user_by_email(given.validated_data["email"], actor=actor)
        link_account(user, directory, given.validated_data["login"], actor=actor)
        return Response(status=204)


class DirectoryUnlinks(APIView):
    """Let no directory check the password of this account any more."""

    permissions: ClassVar = {"POST": Permission.ROLES_CREATE}

    @extend_schema(request=UnlinkIn, responses={204: None})
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        services.require_keeper(actor)
        given = UnlinkIn(data=request.data)
        given.is_valid(raise_exception=True)
        unlink_account(visible_user_by_email(given.validated_data["email"], actor=actor), actor=actor)
        return Response(status=204)


urlpatterns = [
    path("directories/", Directories.as_view(), name="directories"),
    path("directories/unlink/", DirectoryUnlinks.as_view(), name="directory-unlink"),
    path("directories/<str:public_id>/", DirectoryDetail.as_view(), name="directory"),
    path("directories/<str:public_id>/test/", DirectoryTest.as_view(), name="directory-test"),
    path("directories/<str:public_id>/link/", DirectoryLinks.as_view(), name="directory-link"),
]
