"""Mail in the console: one page, with a button that sends a test message to whoever presses it."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.mail import services
from accounts.mail.condition import trouble
from accounts.mail.models import MailServer
from accounts.mail.providers import fields_of
from accounts.mail.services import Given
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib import mail
from temps.lib.actor import Actor

HELP = {
    "host": "Of an SMTP server.",
    "port": "587 for STARTTLS, 465 for TLS from the start.",
    "username": "Of an SMTP server that asks for one, and of Amazon SES.",
    "domain": "Of Mailgun; empty for that of the sender.",
    "region": "Of Amazon SES, such as eu-central-1; of Mailgun, us or eu.",
    "api_url": "Where the provider's API is, if not at its usual place.",
}


class MailServerForm(forms.ModelForm):  # type: ignore[type-arg]
    secret = forms.CharField(
        required=False,
        strip=False,
        max_length=services.LONGEST_SECRET,
        label="Password, key or token",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="It is sealed, and never shown again. Empty: the one that is stored stays.",
    )

    class Meta:
        model = MailServer
        fields = ("provider", "from_email", "host", "port", "security", "username", "domain", "region", "api_url")
        help_texts = HELP


@admin.register(MailServer)
class MailServerAdmin(ServiceAdmin):
    permission_to_view = Permission.SETTINGS_READ
    permission_to_change = Permission.SETTINGS_WRITE
    step_up = frozenset({"change"})
    form = MailServerForm
    change_form_outer_before_template = "accounts_mail/trouble.html"
    change_form_outer_after_template = "accounts_mail/try.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = self.has_change_permission(request, obj)
        secret = ("secret",) if may_change else ()
        return [
            (None, {"fields": ("provider", "from_email", "username", *secret)}),
            ("SMTP", {"fields": ("host", "port", "security")}),
            ("Providers", {"fields": ("domain", "region", "api_url")}),
        ]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The server, or an empty one to fill in while none is set."""
        if object_id != str(MailServer.ONLY) or not self.has_view_permission(request):
            return None
        return MailServer.objects.first() or MailServer()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one row, so the list is the row."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST" and "send-test" in request.POST:
            return self._send_test(request)
        return self.changeform_view(request, str(MailServer.ONLY), extra_context=extra_context)

    def _send_test(self, request: HttpRequest) -> HttpResponse:
        tried = services.send_test(actor=actor_of(request))
        tell = messages.success if tried.delivered else messages.error
        tell(request, f"{tried.answer[0].upper()}{tried.answer[1:]}.")
        return redirect(request.path)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        stored = MailServer.objects.first()
        context |= {
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
            "title": "Mail",
            "subtitle": str(stored) if stored else "",
            "trouble": trouble() if stored else "",
            "may_try": self.has_change_permission(request) and mail.available(),
        }
        return super().render_change_form(request, context, **options)

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        given = dict(form.cleaned_data)
        provider, from_email, secret = given.pop("provider"), given.pop("from_email"), given.pop("secret")
        asked = {name: value for name, value in given.items() if name in fields_of(provider)}
        services.set_mail_server(provider, from_email, secret=secret, actor=actor, **cast(Given, asked))
