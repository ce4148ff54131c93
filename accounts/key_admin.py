"""API keys in the console. A key is shown on the page that answers its making or its rotation, and never again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.api_keys import create_api_key, revoke_api_key
from accounts.key_change import NEVER, change_api_key
from accounts.key_rotation import end_grace, parse_grace, rotate_api_key
from accounts.models import ApiKey
from accounts.scopes import DEFAULT_PRESET
from accounts.services import visible_user_by_email
from audit.folding import record_denial
from rbac.console import TO_FILL_IN, ServiceAdmin, ask_to_confirm
from rbac.guards import actor_of
from rbac.permissions import Permission
from rbac.services import allowed, allowed_anywhere
from rbac.step_up import StepUpRequired, is_recent
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.durations import parse_duration
from temps.lib.errors import Conflict, Denied, TempsError

SCOPES = "Comma-separated permissions such as deployments:create, or read-only, deploy-only or admin."
NETWORKS = "Where it may be used from, one network a line (192.0.2.0/24); empty for anywhere."


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.CharField(
        initial=DEFAULT_PRESET,
        widget=UnfoldAdminTextInputWidget,
        help_text=SCOPES,
    )
    expires_in = forms.CharField(
        required=False,
        initial="90d",
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as 30d or 12h; empty for never.",
    )
    allowed_networks = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=NETWORKS,
    )
    owner_email = forms.EmailField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Whose key it is; yours if empty."
    )

    class Meta:
        model = ApiKey
        fields = ("name",)


class KeyChangeForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.CharField(widget=UnfoldAdminTextInputWidget, help_text=SCOPES)
    allowed_networks = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text=NETWORKS
    )
    expires_in = forms.CharField(
        label="Expires in",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="From now, such as 30d or 12h, or never; empty leaves it as it is.",
    )

    class Meta:
        model = ApiKey
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["scopes"] = ", ".join(self.instance.scopes)
        self.initial["allowed_networks"] = "\n".join(self.instance.allowed_networks)


class RotateForm(forms.Form):
    grace = forms.CharField(
        label="The old secret still works for",
        max_length=12,
        initial="24h",
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as 24h or 7d, at most 30d; 0 ends it at once.",
    )


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    """Everyone's own keys; all keys for those who may read them. Deleting one revokes it, and its row stays."""

    list_display = ("name", "shown_prefix", "owner", "status", "expires_at", "last_used_at", "last_used_ip")
    search_fields = ("name", "prefix", "owner__email")
    removal = ("Revoke", "Programs that use it are refused from their next request on. There is no way back.")
    step_up = frozenset({"add"})
    actions_detail = ("rotate",)

    @admin.display(description="key")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"tmp_{key.prefix}_…"

    @admin.display(description="status")
    def status(self, key: ApiKey) -> str:
        return key.status_at(clock.now())

    @admin.display(description="old secret")
    def old_secret(self, key: ApiKey) -> str:
        if not key.has_old_secret_at(clock.now()):
            return "none that works"
        return f"works until {key.previous_expires_at:%Y-%m-%d %H:%M} UTC; {old_secret_use(key)}"

    @admin.display(description="scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="may be used from")
    def network_list(self, key: ApiKey) -> str:
        return ", ".join(key.allowed_networks) or "anywhere"

    # One's own keys need no permission: ownership decides, in the services.

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        actor = actor_of(request)
        return actor.is_authenticated and (obj is None or self._is_own(obj, actor) or _holds(actor, "READ"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).credential.kind is CredentialKind.SESSION

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self._may(request, obj, "UPDATE")

    def has_rotate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        key = self.get_object(request, str(object_id)) if object_id is not None else None
        return key is not None and self._may(request, key, "CREATE")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None or obj.revoked_at is not None:
            return False
        actor = actor_of(request)
        return self._is_own(obj, actor) or _holds(actor, "DELETE")

    def _may(self, request: HttpRequest, key: ApiKey, verb: str) -> bool:
        actor = actor_of(request)
        return key.status_at(clock.now()) == "active" and (self._is_own(key, actor) or _holds(actor, verb))

    def _is_own(self, key: ApiKey, actor: Actor) -> bool:
        return key.owner_id == actor.user_pk

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("owner")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewKeyForm
        elif self.has_change_permission(request, obj):
            options["form"] = KeyChangeForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            others = ("owner_email",) if allowed_anywhere(actor_of(request), Permission.API_KEYS_CREATE) else ()
            return ("name", "scopes", "expires_in", "allowed_networks", *others)
        may_change = self.has_change_permission(request, obj)
        limits = ("scopes", "allowed_networks", "expires_in") if may_change else ("scope_list", "network_list")
        return (*limits, *self.get_readonly_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return (
            *("name", "shown_prefix", "owner", "status", "expires_at", "created_at", "created_by", "revoked_at"),
            *("last_used_at", "last_used_ip", "rotated_at", "old_secret"),
        )

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, **options)

    def create(self, form: Any, actor: Actor) -> ApiKey:
        given = form.cleaned_data
        email = given.get("owner_email") or actor.label
        key, form.token = create_api_key(
            given["name"],
            owner=visible_user_by_email(email, actor=actor),
            scopes=given["scopes"],
            expires_in=parse_duration(given["expires_in"]) if given["expires_in"] else None,
            allowed_networks=given["allowed_networks"].split(),
            actor=actor,
        )
        return key

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        given, changed = form.cleaned_data, set(form.changed_data)
        lasting = given["expires_in"].strip()
        change_api_key(
            obj,
            scopes=given["scopes"] if "scopes" in changed else None,
            allowed_networks=given["allowed_networks"].split() if "allowed_networks" in changed else None,
            expires_in=NEVER if lasting == "never" else parse_duration(lasting) if lasting else None,
            actor=actor,
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            obj.token = form.token

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._shown_once(request, obj, obj.token)

    @action(description="Rotate", url_path="rotate", permissions=["rotate"])  # type: ignore[untyped-decorator]
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A new secret, and what becomes of the old one."""
        key, actor = self.get_object(request, object_id), actor_of(request)
        if key is None:
            raise Http404
        if request.method == "POST" and "end" in request.POST:
            return self._ended(request, key, actor)
        if not is_recent(actor, left=TO_FILL_IN):
            return ask_to_confirm(request)
        form = RotateForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                rotated, token = rotate_api_key(key, grace=parse_grace(form.cleaned_data["grace"]), actor=actor)
            except StepUpRequired:
                return ask_to_confirm(request)
            except TempsError as error:
                if isinstance(error, Denied):
                    record_denial(error)
                form.add_error("grace", error.message)
            else:
                return self._shown_once(request, rotated, token)
        return self._page(request, key, "rotate", form=form)

    def _ended(self, request: HttpRequest, key: ApiKey, actor: Actor) -> HttpResponse:
        try:
            end_grace(key, actor=actor)
        except Conflict as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"The old secret of {key} has ended.")
        return redirect("admin:accounts_apikey_change", key.pk)

    def _shown_once(self, request: HttpRequest, key: ApiKey, token: str) -> HttpResponse:
        """The key, in the answer to the form itself: a message for the next page would have to be stored meanwhile."""
        return self._page(request, key, "made", token=token)

    def _page(self, request: HttpRequest, key: ApiKey, page: str, **more: Any) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"API key '{key.name}'",
            "api_key": key,
            "has_old_secret": key.has_old_secret_at(clock.now()),
            "old_secret_use": old_secret_use(key),
            **more,
        }
        answer = TemplateResponse(request, f"accounts/api_key_{page}.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    def remove(self, obj: Any, actor: Actor) -> None:
        revoke_api_key(obj, actor=actor)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        messages.success(request, f"Revoked {obj_display}.")
        return redirect("admin:accounts_apikey_changelist")


def old_secret_use(key: ApiKey) -> str:
    """When the old secret was last used, for whoever waits to end it."""
    if key.previous_used_at is None:
        return "not used since the rotation"
    return f"last used {key.previous_used_at:%Y-%m-%d %H:%M} UTC from {key.previous_used_ip}"


def _holds(actor: Actor, verb: str) -> bool:
    return allowed(actor, Permission[f"API_KEYS_{verb}"])
