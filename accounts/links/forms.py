from __future__ import annotations

from typing import Any

from django import forms

from accounts.forms import CodeForm, Described, SetupForm
from accounts.passwords import LONGEST, LengthValidator


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


class PasswordsForm(Described):
    password = forms.CharField(
        label="New password",
        max_length=LONGEST,
        strip=False,
        help_text=LengthValidator().get_help_text(),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password again",
        max_length=LONGEST,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("password") and given.get("again") and given["password"] != given["again"]:
            self.add_error("again", "The two passwords differ.")
        return given


class PasswordsElsewhereForm(PasswordsForm, ElsewhereForm):
    field_order = ("code", "password", "again")


class NewAccountForm(SetupForm):
    """The address is that of the link."""

    email = None  # type: ignore[assignment]  # how Django leaves a field of the parent out
    name = forms.CharField(
        label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True})
    )


class NewAccountElsewhereForm(NewAccountForm, ElsewhereForm):
    field_order = ("code", "name", "password", "again")


class NameForm(Described):
    name = forms.CharField(
        label="Name", max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )


class NewAddressForm(Described):
    email = forms.EmailField(
        label="New email address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
