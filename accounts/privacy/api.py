"""``/api/v1/notices/``, and the archive and the erasure of a person."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.privacy.models import Notice
from accounts.privacy.notices import LONGEST, notice_by_id, publish_notice, withdraw_notice
from accounts.privacy.persons import archive_of, erase_person
from accounts.services import user_by_id
from rbac.guards import Access, actor_of
from rbac.permissions import Permission


class NoticeOut(serializers.ModelSerializer[Notice]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = Notice
        fields = ("id", "name", "version", "title", "text", "published_at", "published_by", "withdrawn_at")


class NoticeIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=40, help_text="Which text this is a version of, such as privacy.")
    version = serializers.CharField(max_length=40)
    title = serializers.CharField(max_length=120)
    text = serializers.CharField(max_length=LONGEST)


class EraseIn(serializers.Serializer[Any]):
    confirm = serializers.CharField(max_length=254, help_text="The email address of the account, once more.")


class ErasedOut(serializers.Serializer[Any]):
    pseudonym = serializers.CharField(help_text="What the audit history calls the person from now on.")


class Notices(ListAPIView[Notice]):
    """The texts that people agree to at sign-in; POST publishes a version."""

    permissions: ClassVar = {"GET": Permission.SETTINGS_READ, "POST": Permission.SETTINGS_WRITE}
    serializer_class = NoticeOut
    queryset = Notice.objects.all()

    @extend_schema(request=NoticeIn, responses={201: NoticeOut})
    def post(self, request: Request) -> Response:
        given = NoticeIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(NoticeOut(publish_notice(**given.validated_data, actor=actor_of(request))).data, status=201)


class NoticeDetail(APIView):
    """One version; DELETE asks nobody for it any more."""

    permissions: ClassVar = {"GET": Permission.SETTINGS_READ, "DELETE": Permission.SETTINGS_WRITE}

    @extend_schema(responses=NoticeOut)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(NoticeOut(notice_by_id(public_id, actor=actor_of(request))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        withdraw_notice(notice_by_id(public_id, actor=actor), actor=actor)
        return Response(status=204)


class OwnArchive(APIView):
    """Everything that is held on you, without secrets."""

    permissions: ClassVar = {"POST": Access.OWN}

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT, operation_id="me_archive")
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        return Response(archive_of(user_by_id(actor.id, actor=actor), actor=actor))


class Archive(APIView):
    """Everything that is held on a person, without secrets."""

    permissions: ClassVar = {"POST": Permission.USERS_DELETE}

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT, operation_id="user_archive")
    def post(self, request: Request, user_id: str) -> Response:
        actor = actor_of(request)
        return Response(archive_of(user_by_id(user_id, actor=actor), actor=actor))


class Erase(APIView):
    """Erase a person: the account and all that belongs to it. The audit history keeps a pseudonym."""

    permissions: ClassVar = {"POST": Permission.USERS_DELETE}

    @extend_schema(request=EraseIn, responses=ErasedOut, operation_id="user_erase")
    def post(self, request: Request, user_id: str) -> Response:
        actor = actor_of(request)
        given = EraseIn(data=request.data)
        given.is_valid(raise_exception=True)
        pseudonym = erase_person(user_by_id(user_id, actor=actor), confirm=given.validated_data["confirm"], actor=actor)
        return Response(ErasedOut({"pseudonym": pseudonym}).data)


urlpatterns = [
    path("notices/", Notices.as_view(), name="notices"),
    path("notices/<str:public_id>/", NoticeDetail.as_view(), name="notice"),
    path("users/me/archive/", OwnArchive.as_view(), name="me-archive"),
    path("users/<str:user_id>/archive/", Archive.as_view(), name="user-archive"),
    path("users/<str:user_id>/erase/", Erase.as_view(), name="user-erase"),
]
