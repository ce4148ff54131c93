"""Domains and their certificates in the console. Private keys go in by upload and never come out."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.timezone import localtime
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from audit.folding import record_denial
from certificates.inspect import MAX_BYTES
from certificates.models import Certificate, Domain, Status
from certificates.services import add_domain, delete_domain, request_certificate, set_tls, upload_certificate
from projects.models import Project
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from rbac.services import allowed_anywhere
from temps.lib.actor import Actor
from temps.lib.errors import Denied, Invalid, TempsError

COLOURS = {
    Status.VALID: "success",
    Status.EXPIRING: "warning",
    Status.EXPIRED: "danger",
    Status.PENDING: "info",
    Status.FAILING: "danger",
    Status.MISSING: "warning",
}


class DomainForm(forms.ModelForm):  # type: ignore[type-arg]
    other_names = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="More names on the same certificate, separated by blanks or lines.",
    )

    class Meta:
        model = Domain
        fields = ("name", "tls", "project")
        help_texts: ClassVar = {
            "name": "Such as shop.example.com.",
            "tls": "Auto asks an ACME issuer (Let's Encrypt unless set otherwise), which accepts its terms of service. "
            "Port 80 of every name must lead to this server. Manual waits for an upload.",
        }


@admin.register(Domain)
class DomainAdmin(ServiceAdmin):
    permission_to_view = Permission.DOMAINS_READ
    permission_to_add = Permission.DOMAINS_CREATE
    permission_to_change = Permission.DOMAINS_UPDATE
    permission_to_delete = Permission.DOMAINS_DELETE
    form = DomainForm
    list_display = ("name", "owner", "tls", "shown_status", "expires", "days_left", "last_error")
    list_filter = ("tls",)
    search_fields = ("name", "all_names__name")
    actions = ("renew",)
    fields_to_add = ("name", "other_names", "tls", "project")
    fields_to_read = (
        *("name", "aliases_shown", "owner", "shown_status", "expires", "days_left", "issuer", "serial"),
        *("failures", "last_error", "next_attempt_at", "created_at"),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        visible: Any = super().get_queryset(request)
        return visible.with_details()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields_to_add if obj is None else (*self.fields_to_read, "tls")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.fields_to_read

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "project":
            options["queryset"] = Project.objects.visible_to(actor_of(request), Permission.DOMAINS_CREATE)
        field = super().formfield_for_foreignkey(db_field, request, **options)
        if db_field.name == "project":
            field.empty_label = "the platform itself"
        return field

    @admin.display(description="project", ordering="project__slug")
    def owner(self, domain: Domain) -> str:
        return str(domain.project or "platform")

    @display(description="status", label=COLOURS)  # type: ignore[untyped-decorator]
    def shown_status(self, domain: Domain) -> tuple[Status, str]:
        return domain.status, domain.status.value

    @admin.display(description="other names")
    def aliases_shown(self, domain: Domain) -> str:
        return ", ".join(domain.aliases) or "none"

    @admin.display(description="expires", ordering="current_certificate__not_after")
    def expires(self, domain: Domain) -> str:
        certificate = domain.current_certificate
        return f"{localtime(certificate.not_after):%Y-%m-%d %H:%M} UTC" if certificate else ""

    @admin.display(description="days left", ordering="current_certificate__not_after")
    def days_left(self, domain: Domain) -> str:
        return str(domain.current_certificate.days_left) if domain.current_certificate else ""

    @admin.display(description="issuer")
    def issuer(self, domain: Domain) -> str:
        return domain.current_certificate.issuer if domain.current_certificate else ""

    @admin.display(description="serial")
    def serial(self, domain: Domain) -> str:
        return domain.current_certificate.serial if domain.current_certificate else ""

    def has_renew_permission(self, request: HttpRequest) -> bool:
        return allowed_anywhere(actor_of(request), Permission.CERTIFICATES_WRITE)

    @admin.action(description="Get a new certificate now", permissions=["renew"])
    def renew(self, request: HttpRequest, queryset: Any) -> None:
        """Ask for each of the chosen; one that is refused does not hold up the others."""
        for domain in queryset:
            try:
                request_certificate(domain, actor=actor_of(request))
            except TempsError as error:
                if isinstance(error, Denied):
                    record_denial(error)
                messages.error(request, error.public_message)
            else:
                messages.success(
                    request, f"A worker gets a new certificate for {domain}. The old one stays until then."
                )

    def create(self, form: Any, actor: Actor) -> Domain:
        given = form.cleaned_data
        aliases = given["other_names"].replace(",", " ").split()
        return add_domain(given["name"], aliases=aliases, tls=given["tls"], project=given["project"], actor=actor)

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        set_tls(obj, form.cleaned_data["tls"], actor=actor)

    def remove(self, obj: Any, actor: Actor) -> None:
        delete_domain(obj, actor=actor)


class PemFile(forms.FileField):
    """A small text file, read as text."""

    widget = UnfoldAdminFileFieldWidget

    def clean(self, data: UploadedFile[Any] | None, initial: Any = None) -> str:
        file = super().clean(data, initial)
        if not file:
            return ""
        if file.size > MAX_BYTES:
            raise forms.ValidationError(f"The file is longer than {MAX_BYTES // 1024} KiB.")
        try:
            return str(file.read().decode("utf-8"))
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not PEM text.") from None


class UploadForm(forms.ModelForm):  # type: ignore[type-arg]
    certificate_file = PemFile(label="Certificate", help_text="PEM; it may go on with its chain.")
    key_file = PemFile(label="Private key", help_text="PEM, without passphrase. It is encrypted and never shown again.")
    chain_file = PemFile(label="Chain", required=False, help_text="The certificates of its issuers, PEM.")

    class Meta:
        model = Certificate
        fields = ("domain",)


FILE_OF = {"certificate": "certificate_file", "private_key": "key_file", "chain": "chain_file"}


@admin.register(Certificate)
class CertificateAdmin(ServiceAdmin):
    """The history of every domain; adding one is uploading it."""

    permission_to_view = Permission.CERTIFICATES_READ
    permission_to_add = Permission.CERTIFICATES_WRITE
    form = UploadForm
    list_display = ("domain", "version", "current", "source", "issuer", "not_before", "not_after", "days_left")
    list_filter = ("source",)
    list_select_related = ("domain",)
    search_fields = ("domain__name", "serial", "fingerprint")
    fields_to_read = (
        *("domain", "version", "source", "issuer", "serial", "fingerprint", "all_names", "key_type"),
        *("not_before", "not_after", "days_left", "renew_at", "created_at", "chain"),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("domain", *FILE_OF.values()) if obj is None else self.fields_to_read

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "domain":
            options["queryset"] = Domain.objects.visible_to(actor_of(request), Permission.CERTIFICATES_WRITE)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def project_of(self, obj: Any) -> Any:
        return obj.domain.project

    @admin.display(boolean=True)
    def current(self, certificate: Certificate) -> bool:
        return certificate.domain.current_certificate_id == certificate.pk

    @admin.display(description="names")
    def all_names(self, certificate: Certificate) -> str:
        return ", ".join(certificate.names)

    @admin.display(description="days left", ordering="not_after")
    def days_left(self, certificate: Certificate) -> int:
        return certificate.days_left

    def create(self, form: Any, actor: Actor) -> Certificate:
        given = form.cleaned_data
        parts = {part: given[file] for part, file in FILE_OF.items()}
        try:
            return upload_certificate(given["domain"], actor=actor, **parts)
        except Invalid as error:
            raise Invalid(error.message, field=FILE_OF.get(error.field or "")) from None
