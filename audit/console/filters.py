"""The filters of the console: fields for what :func:`audit.reading.narrowed` takes, and nothing decided here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from audit.actions import Action, Result
from audit.models import Event
from audit.reading import FILTERS, TEXT_LIMIT, narrowed
from temps.lib.errors import Invalid

LABELS = {"user": "Who", "text": "Text", "since": "From", "until": "To"}
HINTS = {
    "user": "admin@example.com",
    "operation": "SECRET_*",
    "project": "my-app",
    "address": "192.0.2.0/24",
    "since": "7d or 2024-01-31",
    "until": "2024-02-29",
    "resource": "deployment",
    "text": "words",
    "request": "6f1c0d3a9b2e4f58",
}
RESULTS = (
    ("", "Any"),
    *((result.value, result.value) for result in Result),
    (f"{Result.DENIED},{Result.FAILURE}", "denied or failure"),
)
OPERATIONS = sorted({f"{action.split('_')[0]}_*" for action in Action} | {action.value for action in Action})
"""What the field for operations offers: families, and each one."""


class FilterForm(forms.Form):
    """Every filter as a field, without judgement: whether a value can be understood, ``narrowed`` says."""

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        for name, help_text in FILTERS.items():
            self.fields[name] = forms.CharField(
                label=LABELS.get(name, name.capitalize()),
                required=False,
                max_length=TEXT_LIMIT,
                help_text=help_text,
                widget=self._widget(name),
            )

    def _widget(self, name: str) -> forms.Widget:
        if name == "result":
            given = str(self.data.get(name) or "")
            known = given in {value for value, _label in RESULTS}
            return UnfoldAdminSelectWidget(choices=[*RESULTS, *([] if known else [(given, given)])])  # type: ignore[no-any-return]
        attributes = {"placeholder": HINTS[name], "autocomplete": "off", "spellcheck": "false"}
        if name == "operation":
            attributes["list"] = "audit-operations"
        return UnfoldAdminTextInputWidget(attrs=attributes)  # type: ignore[no-any-return]

    def narrow(self, rows: QuerySet[Event]) -> QuerySet[Event]:
        """``rows`` that match; none, with the error beside its field, when a filter cannot be understood."""
        given = {name: str(self.data.get(name) or "") for name in self.fields}
        self.is_valid()
        try:
            return narrowed(rows, **given)
        except Invalid as error:
            field = error.field or "text"
            if not self.has_error(field):
                self.add_error(field, error.message)
            return rows.none()


class Narrowing(admin.SimpleListFilter):
    """One of the filters, in the sidebar of the list."""

    template = "audit/filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return ()

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        name = str(self.parameter_name)
        form = FilterForm({name: self.value() or ""})
        form.fields[name].help_text = ""
        yield {"field": form[name]}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        try:
            return narrowed(queryset, **{str(self.parameter_name): str(self.value() or "")})
        except Invalid as error:
            messages.error(request, f"{self.title}: {error.message}")
            return queryset.none()


def narrowing(name: str) -> type[Narrowing]:
    label = LABELS.get(name, name.capitalize())
    return type(f"By{name.capitalize()}", (Narrowing,), {"title": label, "parameter_name": name})


SIDEBAR = [narrowing(name) for name in FILTERS]
