"""``/api/v1/projects/<slug>/variables/`` and ``/bundle/``, each with ``?environment=``; without it, for the base."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.models import Environment, Project
from rbac.guards import actor_of
from rbac.permissions import Permission
from secrets_vault import dotenv, reading
from secrets_vault.models import Kind, Variable, VariableVersion, VersionQuerySet
from secrets_vault.places import place
from secrets_vault.services import import_variables, set_variable, unset_variable
from secrets_vault.values import MAX_KEY, MAX_REASON, MAX_VALUE_BYTES
from temps.lib.paging import Cursor

VERSIONS_SHOWN = 100
"""The newest ones of a variable."""

IN_ENVIRONMENT = OpenApiParameter("environment", OpenApiTypes.STR, description="A slug; left out, the base.")


def _at(request: Request, slug: str, permission: Permission) -> tuple[Project, Environment | None]:
    environment = request.query_params.get("environment")
    return place(slug, environment, actor=actor_of(request), permission=permission)


class VariableOut(serializers.ModelSerializer[VariableVersion]):
    """``value`` is null for an encrypted variable; ``environment`` says where the value is set, null for the base."""

    key = serializers.CharField(source="variable.key")
    environment = serializers.SerializerMethodField()
    encrypted = serializers.SerializerMethodField()
    value = serializers.CharField(source="plain", allow_null=True)
    version = serializers.IntegerField(source="number")
    changed_at = serializers.DateTimeField(source="created_at")
    changed_by = serializers.CharField(source="created_by")

    class Meta:
        model = VariableVersion
        fields = ("key", "environment", "encrypted", "value", "version", "changed_at", "changed_by", "reason")

    def get_environment(self, version: VariableVersion) -> str | None:
        environment = version.variable.environment
        return environment.slug if environment else None

    def get_encrypted(self, version: VariableVersion) -> bool:
        return version.kind == Kind.SECRET


class VersionOut(serializers.ModelSerializer[VariableVersion]):
    version = serializers.IntegerField(source="number")
    changed_at = serializers.DateTimeField(source="created_at")
    changed_by = serializers.CharField(source="created_by")

    class Meta:
        model = VariableVersion
        fields = ("version", "kind", "changed_at", "changed_by", "reason")


class VariableDetailOut(serializers.Serializer[Any]):
    """A variable of that very place. ``is_set`` is false for one that was unset; its versions tell."""

    key = serializers.CharField()
    environment = serializers.CharField(allow_null=True)
    encrypted = serializers.BooleanField()
    is_set = serializers.BooleanField()
    value = serializers.CharField(allow_null=True)
    versions = VersionOut(many=True)


class ValueIn(serializers.Serializer[Any]):
    value = serializers.CharField(max_length=MAX_VALUE_BYTES, allow_blank=True, trim_whitespace=False)
    encrypted = serializers.BooleanField(allow_null=True, default=None)
    reason = serializers.CharField(max_length=MAX_REASON, allow_blank=True, default="")


class VariableIn(ValueIn):
    key = serializers.CharField(max_length=MAX_KEY)


class DotenvIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=dotenv.MAX_BYTES, trim_whitespace=False)
    encrypted = serializers.BooleanField(allow_null=True, default=None)
    reason = serializers.CharField(max_length=MAX_REASON, allow_blank=True, default="")


class ImportedOut(serializers.Serializer[Any]):
    created = serializers.ListField(child=serializers.CharField())
    changed = serializers.ListField(child=serializers.CharField())


class RevealedOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    value = serializers.CharField()
    version = serializers.IntegerField()


class BundleOut(serializers.Serializer[Any]):
    project = serializers.CharField()
    environment = serializers.CharField(allow_null=True)
    variables = serializers.DictField(child=serializers.CharField())


class ByVariable(Cursor):
    """Newest variable first; a variable that changes keeps its place in the pages."""

    ordering = "-variable_id"


class Unstored(APIView):
    """Answers with values in the clear, which no cache may keep."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **options: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **options)
        answer["Cache-Control"] = "no-store"
        return answer


class Variables(ListAPIView[VariableVersion]):
    """What holds in an environment (its own and the base's), secrets masked; POST sets one."""

    permissions: ClassVar = {"GET": Permission.SECRETS_READ, "POST": Permission.SECRETS_WRITE}
    serializer_class = VariableOut
    pagination_class = ByVariable
    queryset = VariableVersion.objects.none()

    def get_queryset(self) -> VersionQuerySet:
        found, environment = _at(self.request, self.kwargs["slug"], Permission.SECRETS_READ)
        return reading.variables_in(found, environment, actor=actor_of(self.request))

    @extend_schema(parameters=[IN_ENVIRONMENT])
    def get(self, request: Request, *args: Any, **options: Any) -> Response:
        return super().get(request, *args, **options)

    @extend_schema(parameters=[IN_ENVIRONMENT], request=VariableIn, responses={200: VariableOut, 201: VariableOut})
    def post(self, request: Request, slug: str) -> Response:
        found, environment = _at(request, slug, Permission.SECRETS_WRITE)
        given = VariableIn(data=request.data)
        given.is_valid(raise_exception=True)
        written = set_variable(found, environment=environment, actor=actor_of(request), **given.validated_data)
        return Response(VariableOut(written.version).data, status=201 if written.is_new else 200)


class VariableDetail(APIView):
    """One variable of that very place, with its history."""

    permissions: ClassVar = {
        "GET": Permission.SECRETS_READ,
        "PUT": Permission.SECRETS_WRITE,
        "DELETE": Permission.SECRETS_DELETE,
    }

    @extend_schema(parameters=[IN_ENVIRONMENT], responses=VariableDetailOut)
    def get(self, request: Request, slug: str, key: str) -> Response:
        found, environment = _at(request, slug, Permission.SECRETS_READ)
        variable = reading.variable_in(found, environment, key, actor=actor_of(request))
        return Response(VariableDetailOut(_detail(variable)).data)

    @extend_schema(parameters=[IN_ENVIRONMENT], request=ValueIn, responses={200: VariableOut, 201: VariableOut})
    def put(self, request: Request, slug: str, key: str) -> Response:
        found, environment = _at(request, slug, Permission.SECRETS_WRITE)
        given = ValueIn(data=request.data)
        given.is_valid(raise_exception=True)
        written = set_variable(found, key, environment=environment, actor=actor_of(request), **given.validated_data)
        return Response(VariableOut(written.version).data, status=201 if written.is_new else 200)

    @extend_schema(parameters=[IN_ENVIRONMENT], responses={204: None})
    def delete(self, request: Request, slug: str, key: str) -> Response:
        found, environment = _at(request, slug, Permission.SECRETS_DELETE)
        unset_variable(found, key, environment=environment, actor=actor_of(request))
        return Response(status=204)


@extend_schema_view(
    get=extend_schema(exclude=True), put=extend_schema(exclude=True), delete=extend_schema(exclude=True)
)
class VariableImport(VariableDetail):
    """POST sets every variable of a .env file, or none. The other methods are those of a variable named ``import``."""

    permissions: ClassVar = VariableDetail.permissions | {"POST": Permission.SECRETS_WRITE}

    @extend_schema(parameters=[IN_ENVIRONMENT], request=DotenvIn, responses=ImportedOut)
    def post(self, request: Request, slug: str, key: str) -> Response:
        found, environment = _at(request, slug, Permission.SECRETS_WRITE)
        given = DotenvIn(data=request.data)
        given.is_valid(raise_exception=True)
        options = dict(given.validated_data)
        values = dotenv.parse(options.pop("text"))
        written = import_variables(found, values, environment=environment, actor=actor_of(request), **options)
        created = [one.version.variable.key for one in written if one.is_new]
        changed = [one.version.variable.key for one in written if not one.is_new]
        return Response(ImportedOut({"created": created, "changed": changed}).data)


class VariableReveal(Unstored):
    """The value that holds in an environment, in the clear and recorded."""

    permissions: ClassVar = {"POST": Permission.SECRETS_REVEAL}

    @extend_schema(parameters=[IN_ENVIRONMENT], request=None, responses=RevealedOut)
    def post(self, request: Request, slug: str, key: str) -> Response:
        found, environment = _at(request, slug, Permission.SECRETS_REVEAL)
        revealed = reading.reveal(found, environment, key, actor=actor_of(request))
        answer = {"key": revealed.key, "value": revealed.value, "version": revealed.version.number}
        return Response(RevealedOut(answer).data)


class Bundle(Unstored):
    """Everything that a process in an environment is started with."""

    permissions: ClassVar = {"GET": Permission.SECRETS_REVEAL}

    @extend_schema(parameters=[IN_ENVIRONMENT], responses=BundleOut)
    def get(self, request: Request, slug: str) -> Response:
        found, environment = _at(request, slug, Permission.SECRETS_REVEAL)
        variables = reading.resolve(found, environment, actor=actor_of(request))
        answer = {"project": found.slug, "environment": environment and environment.slug, "variables": variables}
        return Response(BundleOut(answer).data)


def _detail(variable: Variable) -> dict[str, Any]:
    versions = list(variable.versions.all()[:VERSIONS_SHOWN])
    newest = versions[0]
    return {
        "key": variable.key,
        "environment": variable.environment.slug if variable.environment else None,
        "encrypted": variable.is_secret,
        "is_set": newest.kind != Kind.UNSET,
        "value": newest.plain,
        "versions": versions,
    }


_VARIABLES = "projects/<slug:slug>/variables/"
urlpatterns = [
    path(_VARIABLES, Variables.as_view(), name="variables"),
    path(f"{_VARIABLES}import/", VariableImport.as_view(), {"key": "import"}, name="variable-import"),
    path(f"{_VARIABLES}<str:key>/", VariableDetail.as_view(), name="variable"),
    path(f"{_VARIABLES}<str:key>/reveal/", VariableReveal.as_view(), name="variable-reveal"),
    path("projects/<slug:slug>/bundle/", Bundle.as_view(), name="bundle"),
]
