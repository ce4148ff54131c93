"""``/api/v1/group-roles/``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.group_roles.models import GroupRole
from accounts.group_roles.names import GROUP_LIMIT
from accounts.group_roles.places import place
from accounts.group_roles.services import group_role_by_id, remove_group_role, set_group_role
from rbac.guards import actor_of
from rbac.permissions import Permission


class GroupRoleOut(serializers.ModelSerializer[GroupRole]):
    id = serializers.CharField(source="public_id")
    project: Any = serializers.SlugRelatedField(slug_field="slug", read_only=True, help_text="Null for the platform.")
    environment: Any = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, help_text="Null for all of them."
    )

    class Meta:
        model = GroupRole
        fields = ("id", "source", "group", "role", "project", "environment", "created_at", "created_by")


class GroupRoleIn(serializers.Serializer[Any]):
    source = serializers.CharField(  # type: ignore[assignment]  # also a setting of every field
        max_length=80, help_text="Who says who is in the group, such as directory:corp."
    )
    group = serializers.CharField(
        max_length=GROUP_LIMIT, help_text="Of a directory the distinguished name, of a provider its name there."
    )
    role = serializers.CharField(max_length=32)
    project = serializers.CharField(max_length=63, required=False, help_text="A slug; the platform if left out.")
    environment = serializers.CharField(max_length=63, required=False, help_text="A slug; all of them if left out.")


class GroupRoles(ListAPIView[GroupRole]):
    """Which groups give which roles; POST sets what a group gives in one scope."""

    permissions: ClassVar = {"GET": Permission.ROLES_READ, "POST": Permission.ROLES_CREATE}
    serializer_class = GroupRoleOut
    queryset = GroupRole.objects.all()

    def get_queryset(self) -> Any:
        return GroupRole.objects.visible_to(actor_of(self.request)).select_related("project", "environment")

    @extend_schema(request=GroupRoleIn, responses={201: GroupRoleOut})
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        given = GroupRoleIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        where = place(values.get("project", ""), values.get("environment", ""), actor=actor)
        made = set_group_role(values["source"], values["group"], values["role"], actor=actor, **where)
        return Response(GroupRoleOut(made).data, status=201)


class GroupRoleDetail(APIView):
    """What one group gives in one scope."""

    permissions: ClassVar = {"GET": Permission.ROLES_READ, "DELETE": Permission.ROLES_DELETE}

    @extend_schema(responses=GroupRoleOut)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(GroupRoleOut(group_role_by_id(public_id, actor=actor_of(request))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        actor = actor_of(request)
        remove_group_role(group_role_by_id(public_id, actor=actor), actor=actor)
        return Response(status=204)


urlpatterns = [
    path("group-roles/", GroupRoles.as_view(), name="group-roles"),
    path("group-roles/<str:public_id>/", GroupRoleDetail.as_view(), name="group-role"),
]
