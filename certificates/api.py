"""``/api/v1/domains/``. No answer ever holds a private key."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from certificates.inspect import MAX_BYTES
from certificates.models import Certificate, Domain, Status, Tls
from certificates.names import MAX_NAMES
from certificates.services import (
    add_domain,
    delete_domain,
    domain_by_name,
    request_certificate,
    set_tls,
    upload_certificate,
)
from projects.services import clean_slug, project_by_slug
from rbac.guards import actor_of
from rbac.permissions import Permission


class CertificateOut(serializers.ModelSerializer[Certificate]):
    days_left = serializers.IntegerField(read_only=True)

    class Meta:
        model = Certificate
        fields = (
            *("version", "source", "serial", "fingerprint", "names", "issuer", "key_type"),
            *("not_before", "not_after", "days_left", "renew_at", "created_at"),
        )


class DomainOut(serializers.ModelSerializer[Domain]):
    aliases = serializers.ListField(child=serializers.CharField(), read_only=True)
    project: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField("slug", read_only=True)
    status = serializers.SerializerMethodField()
    certificate = CertificateOut(source="current_certificate", read_only=True, allow_null=True)

    class Meta:
        model = Domain
        fields = (
            *("name", "aliases", "project", "tls", "status", "certificate"),
            *("failures", "last_error", "next_attempt_at", "created_at"),
        )

    @extend_schema_field(serializers.ChoiceField(Status.choices))
    def get_status(self, domain: Domain) -> str:
        return domain.status.value


class DomainIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=300)
    tls = serializers.ChoiceField(Tls.choices, default=Tls.AUTO.value)
    aliases = serializers.ListField(child=serializers.CharField(max_length=300), default=list, max_length=MAX_NAMES)
    project = serializers.CharField(max_length=63, required=False, help_text="A slug; the platform's if left out.")


class DomainChange(serializers.Serializer[Any]):
    tls = serializers.ChoiceField(Tls.choices)


class UploadIn(serializers.Serializer[Any]):
    certificate = serializers.CharField(max_length=MAX_BYTES, help_text="PEM; it may go on with its chain.")
    private_key = serializers.CharField(max_length=MAX_BYTES, write_only=True, help_text="PEM, without passphrase.")
    chain = serializers.CharField(max_length=MAX_BYTES, default="", allow_blank=True, help_text="The issuers, PEM.")


class Domains(ListAPIView[Domain]):
    """The domains that you may see; POST adds one and, with ``tls: auto``, has its certificate issued."""

    permissions: ClassVar = {"GET": Permission.DOMAINS_READ, "POST": Permission.DOMAINS_CREATE}
    serializer_class = DomainOut
    queryset = Domain.objects.all()

    def get_queryset(self) -> Any:
        visible = Domain.objects.visible_to(actor_of(self.request)).with_details()
        slug = self.request.query_params.get("project")
        return visible.filter(project__slug=clean_slug(slug, field="project")) if slug else visible

    @extend_schema(parameters=[OpenApiParameter("project", str, description="The domains of this project alone.")])
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(request=DomainIn, responses={201: DomainOut})
    def post(self, request: Request) -> Response:
        given = DomainIn(data=request.data)
        given.is_valid(raise_exception=True)
        actor, wanted = actor_of(request), given.validated_data
        slug = wanted.pop("project", "")
        project = project_by_slug(slug, actor=actor) if slug else None
        return Response(DomainOut(add_domain(actor=actor, project=project, **wanted)).data, status=201)


class DomainDetail(APIView):
    """One domain with its current certificate. PATCH says where its certificates come from."""

    permissions: ClassVar = {
        "GET": Permission.DOMAINS_READ,
        "PATCH": Permission.DOMAINS_UPDATE,
        "DELETE": Permission.DOMAINS_DELETE,
    }

    @extend_schema(responses=DomainOut)
    def get(self, request: Request, name: str) -> Response:
        return Response(DomainOut(domain_by_name(name, actor=actor_of(request))).data)

    @extend_schema(request=DomainChange, responses=DomainOut)
    def patch(self, request: Request, name: str) -> Response:
        domain = domain_by_name(name, actor=actor_of(request))
        given = DomainChange(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(DomainOut(set_tls(domain, given.validated_data["tls"], actor=actor_of(request))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        delete_domain(domain_by_name(name, actor=actor_of(request)), actor=actor_of(request))
        return Response(status=204)


class Renewal(APIView):
    """Ask for a new certificate now; a worker gets it. GET the domain to see what came of it."""

    permissions: ClassVar = {"POST": Permission.CERTIFICATES_WRITE}

    @extend_schema(request=None, responses={202: DomainOut})
    def post(self, request: Request, name: str) -> Response:
        domain = domain_by_name(name, actor=actor_of(request))
        return Response(DomainOut(request_certificate(domain, actor=actor_of(request))).data, status=202)


class Upload(APIView):
    """Put a certificate of your own in place, once it passes every check. The domain is manual from then on."""

    permissions: ClassVar = {"PUT": Permission.CERTIFICATES_WRITE}

    @extend_schema(request=UploadIn, responses=DomainOut)
    def put(self, request: Request, name: str) -> Response:
        domain = domain_by_name(name, actor=actor_of(request))
        given = UploadIn(data=request.data)
        given.is_valid(raise_exception=True)
        stored = upload_certificate(domain, actor=actor_of(request), **given.validated_data)
        return Response(DomainOut(stored.domain).data)


class History(ListAPIView[Certificate]):
    """Every version of a domain's certificate, the newest first."""

    permissions: ClassVar = {"GET": Permission.CERTIFICATES_READ}
    serializer_class = CertificateOut
    queryset = Certificate.objects.all()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Certificate.objects.none()
        actor = actor_of(self.request)
        domain = domain_by_name(self.kwargs["name"], actor=actor)
        return Certificate.objects.visible_to(actor).filter(domain=domain)


urlpatterns = [
    path("domains/", Domains.as_view(), name="domains"),
    path("domains/<str:name>/", DomainDetail.as_view(), name="domain"),
    path("domains/<str:name>/renew/", Renewal.as_view(), name="domain-renew"),
    path("domains/<str:name>/certificate/", Upload.as_view(), name="domain-certificate"),
    path("domains/<str:name>/certificates/", History.as_view(), name="domain-certificates"),
]
