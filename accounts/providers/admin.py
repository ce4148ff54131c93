"""Identity providers in the console. The client secret goes in, and never comes out."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.providers import services
from accounts.providers.models import IdentityProvider
from accounts.providers.services import redirect_uri
from accounts.providers.settings import Given
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.actor import Actor

UNSEEN = {"autocomplete": "off", "spellcheck": "false"}
CHANGED = ("name", "client_id", "client_secret", "scopes", "create_accounts", "domains", "groups_claim")
"""What a change may be about; the fields of the form are called like it."""


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    server_url = forms.CharField(
        label="Server",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs=UNSEEN),
        help_text="The issuer of OpenID Connect, or your own GitLab or GitHub Enterprise; empty for the public ones.",
    )
    client_secret = forms.CharField(
        label="Client secret",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Encrypted, and never shown again.",
    )
    scopes = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs=UNSEEN),
        help_text="Asked for beyond what signing in needs, separated by blanks; such as groups.",
    )
    domains = forms.CharField(
        label="Mail domains",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Whose verified addresses get an account, one a line; such as example.com.",
    )

    class Meta:
        model = IdentityProvider
        fields = ("slug", "kind", "name", "client_id", "create_accounts", "groups_claim", "enabled")
        widgets: ClassVar = {"client_id": UnfoldAdminTextInputWidget(attrs=UNSEEN)}
        help_texts: ClassVar = {
            "slug": "In its addresses and in commands, such as corp; it stays.",
            "kind": "What it speaks; it stays.",
            "name": "What its button on the sign-in page says.",
            "create_accounts": "Whoever comes with a verified address of these domains and has no account gets one, "
            "without any role.",
            "groups_claim": "The claim that lists the groups of a person, such as groups, for roles from groups.",
            "enabled": "Offered on the sign-in page.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field, separator in (("scopes", " "), ("domains", "\n")):
            if field in self.fields:
                self.initial[field] = separator.join(getattr(self.instance, field))
        if self.instance.pk and "client_secret" in self.fields:
            self.fields["client_secret"].required = False
            self.fields["client_secret"].help_text = "What you enter replaces it; empty, it stays."

    def given(self) -> Given:
        """What was filled in; of a provider that exists, what was changed."""
        names = [name for name in CHANGED if name in self.cleaned_data]
        found = {name: self.cleaned_data[name] for name in names if not self.instance.pk or name in self.changed_data}
        return cast(Given, found | {name: found[name].split() for name in ("scopes", "domains") if name in found})


@admin.register(IdentityProvider)
class IdentityProviderAdmin(ServiceAdmin):
    removal = ("Remove", "Its links go too, and the roles that its groups gave: nobody signs in with it any more.")
    step_up = frozenset({"add", "change", "delete"})
    permission_to_view = Permission.SETTINGS_READ
    permission_to_add = Permission.SETTINGS_WRITE
    permission_to_change = Permission.SETTINGS_WRITE
    permission_to_delete = Permission.SETTINGS_WRITE
    form = ProviderForm
    list_display = ("name", "slug", "kind", "server_url", "state", "create_accounts")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "slug", "server_url")
    empty_hint = (
        "A provider lets people sign in with accounts at GitHub, GitLab, or anything that speaks OpenID Connect."
    )

    @display(description="state", label={"offered": "success", "off": "info"})  # type: ignore[untyped-decorator]
    def state(self, provider: IdentityProvider) -> str:
        return "offered" if provider.enabled else "off"

    @admin.display(description="redirect URI")
    def redirect_uri(self, provider: IdentityProvider) -> str:
        shown = provider.shown_redirect_uri  # type: ignore[attr-defined]  # of get_object
        return format_html("<code>{}</code><br>Register it there, letter by letter.", shown)

    @admin.display(description="scopes")
    def scope_list(self, provider: IdentityProvider) -> str:
        return " ".join(provider.scopes) or "none"

    @admin.display(description="mail domains")
    def domain_list(self, provider: IdentityProvider) -> str:
        return ", ".join(provider.domains) or "none"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        provider = super().get_object(request, object_id, from_field)
        if provider is not None:
            provider.shown_redirect_uri = redirect_uri(provider, request)
        return provider

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        what = ("slug", "kind", "server_url", "name") + (("redirect_uri",) if obj is not None else ())
        client = ("client_id", "client_secret") if may_change else ("client_id",)
        scopes, domains = ("scopes", "domains") if may_change else ("scope_list", "domain_list")
        return [
            ("Provider", {"fields": (*what, "enabled")}),
            ("As it knows Temps", {"fields": (*client, scopes)}),
            ("Whom it lets in", {"fields": ("create_accounts", domains, "groups_claim")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("slug", "kind", "server_url", "redirect_uri", "scope_list", "domain_list")

    def create(self, form: Any, actor: Actor) -> IdentityProvider:
        given = form.cleaned_data
        fixed = {"server_url": given["server_url"], "enabled": given["enabled"]}
        return services.create_provider(given["slug"], given["kind"], actor=actor, **fixed, **form.given())

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        given = form.given()
        with transaction.atomic():
            if given:
                services.change_provider(obj, actor=actor, **given)
            if "enabled" in form.changed_data:
                services.set_enabled(obj, form.cleaned_data["enabled"], actor=actor)

    def remove(self, obj: Any, actor: Actor) -> None:
        services.delete_provider(obj, actor=actor)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """On to its own page, which shows the redirect URI to register."""
        messages.info(request, f"Register this redirect URI there: {redirect_uri(obj, request)}")
        return redirect("admin:accounts_providers_identityprovider_change", obj.pk)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        shown, counts, needed, protected = super().get_deleted_objects(objs, request)
        hint = "every link of an account here with one there: whoever has no other way to sign in has none"
        return [*shown, hint], counts, needed, protected

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        actor = actor_of(request)
        with transaction.atomic():
            for provider in queryset:
                self.remove(provider, actor)
