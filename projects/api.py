"""``/api/v1/projects/``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.models import Environment, Project
from projects.services import DEFAULT_ENVIRONMENTS, create_project, delete_project, project_by_slug, update_project
from rbac.guards import actor_of
from rbac.permissions import Permission


class ProjectOut(serializers.ModelSerializer[Project]):
    environments: serializers.SlugRelatedField[Environment] = serializers.SlugRelatedField(
        "slug", many=True, read_only=True
    )

    class Meta:
        model = Project
        fields = ("slug", "name", "description", "environments", "created_at")


class ProjectIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    slug = serializers.CharField(max_length=63, required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    environments = serializers.ListField(
        child=serializers.CharField(max_length=63), default=list(DEFAULT_ENVIRONMENTS), max_length=50
    )


class ProjectChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)


class Projects(ListAPIView[Project]):
    """The projects that you may see; POST makes one."""

    permissions: ClassVar = {"GET": Permission.PROJECTS_READ, "POST": Permission.PROJECTS_CREATE}
    serializer_class = ProjectOut
    queryset = Project.objects.all()

    def get_queryset(self) -> Any:
        return Project.objects.visible_to(actor_of(self.request)).prefetch_related("environments")

    @extend_schema(request=ProjectIn, responses={201: ProjectOut})
    def post(self, request: Request) -> Response:
        given = ProjectIn(data=request.data)
        given.is_valid(raise_exception=True)
        project = create_project(actor=actor_of(request), **given.validated_data)
        return Response(ProjectOut(project).data, status=201)


class ProjectDetail(APIView):
    """One project."""

    permissions: ClassVar = {
        "GET": Permission.PROJECTS_READ,
        "PATCH": Permission.PROJECTS_UPDATE,
        "DELETE": Permission.PROJECTS_DELETE,
    }

    @extend_schema(responses=ProjectOut)
    def get(self, request: Request, slug: str) -> Response:
        return Response(ProjectOut(project_by_slug(slug, actor=actor_of(request))).data)

    @extend_schema(request=ProjectChange, responses=ProjectOut)
    def patch(self, request: Request, slug: str) -> Response:
        project = project_by_slug(slug, actor=actor_of(request))
        given = ProjectChange(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(ProjectOut(update_project(project, actor=actor_of(request), **given.validated_data)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        delete_project(project_by_slug(slug, actor=actor_of(request)), actor=actor_of(request))
        return Response(status=204)


urlpatterns = [
    path("projects/", Projects.as_view(), name="projects"),
    path("projects/<slug:slug>/", ProjectDetail.as_view(), name="project"),
]
