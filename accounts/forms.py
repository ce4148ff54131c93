"""The forms of the sign-in pages. Django ties hints and errors to their fields (``aria-describedby``), so that screen
readers say them."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from django import forms

from accounts.passwords import LONGEST, LengthValidator
from temps.lib.errors import TempsError


def focus_on(form: forms.Form, name: str) -> None:
    """Have the page open with the cursor in this field, and in no other."""
    for field in form.fields.values():
        field.widget.attrs.pop("autofocus", None)
    form.fields[name].widget.attrs["autofocus"] = True


class Described(forms.Form):
    def fail(self, error: TempsError) -> None:
        """Show what a service refused, at its field if it named one."""
        self.add_error(error.field if error.field in self.fields else None, error.message)

    def add_error(self, field: str | None, error: Any) -> None:
        """The first field that is marked gets the cursor."""
        super().add_error(field, error)
        marked = next((name for name in self.fields if name in self.errors), None)
        if marked is not None:
            focus_on(self, marked)


class SignInForm(LoginForm):  # type: ignore[misc]
    """allauth's, for an address and a password."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, label, autocomplete in (
            ("login", "Email address", "username"),
            ("password", "Password", "current-password"),
        ):
            field = self.fields[name]
            field.label, field.help_text = label, ""
            field.widget.attrs = {"autocomplete": autocomplete}
        focus_on(self, "login")


class CodeForm(Described):
    code = forms.CharField(
        label="Code",
        max_length=16,
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "autofocus": True,
                "class": "code",
                "spellcheck": "false",
            }
        ),
    )

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].split())
        if len(code) != 6 or not (code.isascii() and code.isdigit()):
            raise forms.ValidationError("A code has six digits.")
        return code


class PasswordForm(Described):
    password = forms.CharField(
        label="Your password",
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class NewPasswordForm(Described):
    """A password, typed twice."""

    password = forms.CharField(
        label="Password",
        max_length=LONGEST,
        strip=False,
        help_text=LengthValidator().get_help_text(),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="Password again",
        max_length=LONGEST,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("password") and given.get("again") and given["password"] != given["again"]:
            self.add_error("again", "The two passwords differ.")
        return given


class SetupForm(NewPasswordForm):
    email = forms.EmailField(
        label="Email address", widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    name = forms.CharField(label="Name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))

    field_order = ("email", "name", "password", "again")
