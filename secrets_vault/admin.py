from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from projects.models import Environment, Project
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from secrets_vault.models import Kind, Variable
from secrets_vault.services import set_variable, unset_variable
from secrets_vault.values import MAX_REASON
from temps.lib.actor import Actor

VERSIONS_SHOWN = 50


def _plain(variable: Variable) -> str:
    return variable.versions.get(number=variable.version).plain or ""


class ValueInput(UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """Of several lines, since keys are; ``unseen``, what was typed is neither shown nor sent back."""

    template_name = "django/forms/widgets/textarea.html"  # unfold's own loses a line break at the start

    def __init__(self, unseen: bool) -> None:
        self.unseen = unseen
        attributes = {"rows": 3, "autocomplete": "off", "spellcheck": "false"}
        super().__init__(attributes | {"class": "temps-secret"} if unseen else attributes)

    def get_context(self, name: str, value: Any, attrs: Any) -> Any:
        return super().get_context(name, None if self.unseen else value, attrs)


class VariableForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A new value. That of a secret is typed unseen and never comes back; a plain one is shown for editing."""

    value = forms.CharField(required=False, strip=False)
    reason = forms.CharField(
        required=False, max_length=MAX_REASON, widget=UnfoldAdminTextInputWidget(), help_text="For the history."
    )

    class Meta:
        model = Variable
        fields = ("project", "environment", "key", "is_secret")
        help_texts = {"is_secret": "Only whoever may reveal secrets gets to see the value again."}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = self.instance.pk is not None
        was_secret = self.instance.is_secret if known else True
        self.initial["is_secret"] = was_secret
        unseen = bool(self.data.get(self.add_prefix("is_secret"))) if self.is_bound else was_secret
        self.fields["value"].widget = ValueInput(unseen)
        if not was_secret:
            self.initial["value"] = _plain(self.instance)
        elif known:
            self.fields["value"].help_text = "Encrypted, and not shown here. What you enter replaces it."

    def clean_value(self) -> str:
        """Browsers send line breaks as CRLF (HTML, 4.10.5.4); files and programs mean LF."""
        return str(self.cleaned_data["value"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("is_secret") and given.get("value") == "":
            self.add_error("value", "Enter the value of the secret.")
        return given


class EnvironmentFilter(SimpleListFilter):
    """By the name of the environment, across the projects that the reader sees."""

    title = "environment"
    parameter_name = "env"
    BASE = "-"  # no slug is a hyphen

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        rows = model_admin.get_queryset(request).exclude(environment=None).order_by("environment__slug")
        slugs = rows.values_list("environment__slug", flat=True).distinct()
        return [(self.BASE, "base"), *((slug, slug) for slug in slugs)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Variable]) -> QuerySet[Variable]:
        chosen = self.value()
        if chosen is None:
            return queryset
        return queryset.filter(environment=None) if chosen == self.BASE else queryset.filter(environment__slug=chosen)


@admin.register(Variable)
class VariableAdmin(ServiceAdmin):
    permission_to_view = Permission.SECRETS_READ
    permission_to_add = Permission.SECRETS_WRITE
    permission_to_change = Permission.SECRETS_WRITE
    permission_to_delete = Permission.SECRETS_DELETE
    form = VariableForm
    list_display = ("key", "project", "place", "is_secret", "version")
    list_filter = (("project", RelatedOnlyFieldListFilter), EnvironmentFilter, "is_secret")
    list_select_related = ("project", "environment")
    search_fields = ("key",)
    fields = ("project", "environment", "key", "value", "is_secret", "reason")

    class Media:
        css: ClassVar = {"all": ("secrets_vault/variable.css",)}

    @admin.display(description="environment", ordering="environment__slug", empty_value="base")
    def place(self, variable: Variable) -> str | None:
        return variable.environment.slug if variable.environment else None

    @admin.display(description="value")
    def current_value(self, variable: Variable) -> str:
        return "encrypted" if variable.is_secret else _plain(variable)

    @admin.display(description="history")
    def history(self, variable: Variable) -> SafeString:
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    one.number,
                    Kind(one.kind).label,
                    f"{one.created_at:%Y-%m-%d %H:%M:%S} UTC",
                    one.created_by,
                    one.reason,
                )
                for one in variable.versions.all()[:VERSIONS_SHOWN]
            ),
        )
        head = "<tr><th>Version</th><th>Kind</th><th>When</th><th>Who</th><th>Why</th></tr>"
        return format_html(
            '<table class="temps-events"><thead>{}</thead><tbody>{}</tbody></table>', SafeString(head), rows
        )

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.that_are_set().select_related("project", "environment")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return self.fields
        if self.has_change_permission(request, obj):
            return ("project", "place", "key", "value", "is_secret", "reason", "history")
        return ("project", "place", "key", "current_value", "history")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("project", "place", "key", "current_value", "history")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        projects = Project.objects.visible_to(actor_of(request), Permission.SECRETS_WRITE)
        if db_field.name == "project":
            return super().formfield_for_foreignkey(db_field, request, queryset=projects, **options)
        environments = Environment.objects.filter(project__in=projects).select_related("project")
        field = super().formfield_for_foreignkey(db_field, request, queryset=environments, **options)
        field.label_from_instance = lambda environment: f"{environment.project}/{environment}"
        field.empty_label = "the base: every environment of the project"
        return field

    def environment_of(self, obj: Any) -> Any:
        return obj.environment

    def create(self, form: Any, actor: Actor) -> Variable:
        given = form.cleaned_data
        written = set_variable(
            given["project"],
            given["key"],
            given["value"],
            environment=given["environment"],
            encrypted=given["is_secret"],
            reason=given["reason"],
            replace=False,
            actor=actor,
        )
        return written.version.variable

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        given = form.cleaned_data
        set_variable(
            obj.project,
            obj.key,
            given["value"],
            environment=obj.environment,
            encrypted=given["is_secret"],
            reason=given["reason"],
            actor=actor,
        )

    def remove(self, obj: Any, actor: Actor) -> None:
        unset_variable(obj.project, obj.key, environment=obj.environment, actor=actor)
