"""Directories in the console. The password of the bind DN goes in and is never shown again."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.directory import services
from accounts.directory.given import Given
from accounts.directory.linking import LOGIN_LIMIT, Tried, try_directory
from accounts.directory.models import Directory, DirectoryAccount
from accounts.errors import Busy
from rbac.console import KEY, ServiceAdmin, ask_to_confirm
from rbac.guards import actor_of
from rbac.permissions import Permission
from rbac.step_up import StepUpRequired
from temps.lib.actor import Actor
from temps.lib.errors import Invalid

WHERE = ("uris", "security", "ca_bundle", "bind_dn", "bind_password", "timeout")
WHOM = ("user_base", "user_filter", "id_attribute", "mail_attribute", "name_attribute", "create_accounts")
GROUPS = ("group_type", "group_base", "group_filter", "member_attribute", "required_group")
SETTINGS = (*WHERE, *WHOM, *GROUPS, "enabled")
TYPED = {"autocomplete": "off", "spellcheck": "false"}


class DirectoryForm(forms.ModelForm):  # type: ignore[type-arg]
    bind_password = forms.CharField(
        label="Password of the bind DN",
        required=False,
        strip=False,
        max_length=services.PASSWORD_LIMIT,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Encrypted, and never shown again.",
    )

    class Meta:
        model = Directory
        fields = ("name", *(name for name in SETTINGS if name != "bind_password"))
        widgets: ClassVar = {
            "uris": UnfoldAdminTextareaWidget(attrs={"rows": 2, **TYPED}),
            "ca_bundle": UnfoldAdminTextareaWidget(attrs={"rows": 3, **TYPED}),
            **{name: UnfoldAdminTextInputWidget(attrs=TYPED) for name in ("user_filter", "group_filter", "bind_dn")},
        }
        help_texts: ClassVar = {
            "name": "What commands and roles call it, such as corp. It stays.",
            "uris": "ldaps://ldap.example.com, one a line; the next is asked when one does not answer.",
            "ca_bundle": "PEM; the authorities of the system if left empty. The certificate is verified always.",
            "bind_dn": "Whom Temps searches as; an account that may read people and groups and nothing else.",
            "timeout": "For each answer of a server.",
            "user_base": "Beneath which people are: ou=people,dc=example,dc=com.",
            "user_filter": "%(user)s is the address that is typed, %(local)s what is before its @.",
            "id_attribute": "What stays with a person: entryUUID, or objectGUID in Active Directory.",
            "create_accounts": "Make an account for everyone whom the directory knows and who signs in.",
            "group_base": "Beneath which groups are; the user base if left empty.",
            "required_group": "Only its members sign in; everyone if left empty. A distinguished name.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("group_base", "required_group", "bind_dn", "ca_bundle"):
            if name in self.fields:
                self.fields[name].required = False
        if self.instance.pk and self.instance.has_password and "bind_password" in self.fields:
            self.fields["bind_password"].help_text = "There is one; what you enter replaces it."

    def given(self) -> Given:
        """What was filled in; of a directory that is changed, what was changed."""
        names = [name for name in SETTINGS if name in self.cleaned_data and name != "bind_password"]
        changed = self.changed_data if self.instance.pk else names
        return cast(Given, {name: self.cleaned_data[name] for name in names if name in changed})


class TryForm(forms.Form):
    login = forms.CharField(
        label="Who",
        max_length=LOGIN_LIMIT,
        help_text="What the person types to sign in. No password is asked for or checked.",
        widget=UnfoldAdminTextInputWidget(attrs={**TYPED, "autofocus": True}),
    )


@admin.register(Directory)
class DirectoryAdmin(ServiceAdmin):
    removal = ("Remove", "Its accounts stay, but no password of theirs works until they get one here.")
    step_up = frozenset({"add", "change", "delete"})
    permission_to_view = Permission.SETTINGS_READ
    permission_to_add = Permission.SETTINGS_WRITE
    permission_to_change = Permission.SETTINGS_WRITE
    permission_to_delete = Permission.SETTINGS_WRITE
    form = DirectoryForm
    list_display = ("name", "servers", "security", "enabled", "shown_state", "people", "last_ok_at")
    search_fields = ("name",)
    actions_detail = ("test",)
    empty_hint = "A directory is an LDAP server, or Active Directory, whose people sign in with the password they have."

    @admin.display(description="servers")
    def servers(self, directory: Directory) -> str:
        return " ".join(directory.uris.split())

    @display(description="state", label={"answers": "success", "fails": "danger", "not asked yet": "info"})  # type: ignore[untyped-decorator]
    def shown_state(self, directory: Directory) -> str:
        if directory.is_failing:
            return "fails"
        return "answers" if directory.last_ok_at else "not asked yet"

    @admin.display(description="accounts")
    def people(self, directory: Directory) -> int:
        return DirectoryAccount.objects.filter(directory=directory).count()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        where = WHERE if may_change else tuple(name for name in WHERE if name != "bind_password")
        state = [("State", {"fields": ("shown_state", "people", "last_ok_at", "last_error_at", "last_error")})]
        return [
            (None, {"fields": ("name", "enabled")}),
            *(state if obj is not None else []),
            ("Where", {"fields": where}),
            ("Whom it knows", {"fields": WHOM}),
            ("Their groups", {"fields": GROUPS}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("name", "shown_state", "people", "last_ok_at", "last_error_at", "last_error")

    def create(self, form: Any, actor: Actor) -> Directory:
        data = form.cleaned_data
        return services.create_directory(data["name"], actor=actor, bind_password=data["bind_password"], **form.given())

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        password = form.cleaned_data["bind_password"]
        services.change_directory(obj, actor=actor, bind_password=password, **form.given())

    def remove(self, obj: Any, actor: Actor) -> None:
        services.delete_directory(obj, actor=actor)

    # Trying it

    def has_test_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_change_permission(request)

    @action(description="Test", url_path="test", permissions=["test"])  # type: ignore[untyped-decorator]
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Look somebody up and show the entry and its groups."""
        directory = self.get_object(request, object_id) if KEY.fullmatch(object_id) else None
        if directory is None:
            raise Http404
        form = TryForm(request.POST if request.method == "POST" else None)
        try:
            tried = self._tried(request, directory, form)
        except StepUpRequired:
            return ask_to_confirm(request)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Test of the directory {directory.name}",
            "opts": self.opts,
            "directory": directory,
            "form": form,
            "tried": tried,
        }
        answer = TemplateResponse(request, "accounts_directory/test.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    def _tried(self, request: HttpRequest, directory: Directory, form: TryForm) -> Tried | None:
        actor = actor_of(request)
        services.require_keeper(actor)
        if not form.is_valid():
            return None
        try:
            return try_directory(directory, form.cleaned_data["login"], actor=actor)
        except (Invalid, Busy) as error:
            form.add_error("login", error.message)
            return None
