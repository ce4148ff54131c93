from __future__ import annotations

from typing import Any

from django import forms

from accounts.forms import CodeForm, Described, NewPasswordForm


class AddressForm(Described):
    email = forms.EmailField(
        label="Email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class ElsewhereForm(CodeForm):
    """For a browser other than the one that asked."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["code"].help_text = "The six digits that the browser shows where you asked for this link."
        self.fields["code"].widget.attrs["autocomplete"] = "off"


class ResetForm(NewPasswordForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["password"].label, self.fields["again"].label = "New password", "New password again"


class ResetElsewhereForm(ResetForm, ElsewhereForm):
    field_order = ("code", "password", "again")


class NewAccountForm(NewPasswordForm):
    """The address is that of the link."""

    name = forms.CharField(
        label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True})
    )

    field_order = ["name", "password", "again"]


class NewAccountElsewhereForm(NewAccountForm, ElsewhereForm):
    field_order = ["code", "name", "password", "again"]


class NameForm(Described):
    name = forms.CharField(
        label="Name", max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )


class NewAddressForm(Described):
    email = forms.EmailField(
        label="New email address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
