"""The forms of the second factor. A passkey's answer is put into a hidden field by ``passkeys.js``."""

from __future__ import annotations

from django import forms

from accounts.forms import Described
from accounts.mfa.enrolling import LONGEST_NAME
from accounts.mfa.passkeys import LONGEST_RESPONSE


class PasskeyForm(forms.Form):
    credential = forms.CharField(max_length=LONGEST_RESPONSE, widget=forms.HiddenInput)


class NameForm(Described):
    name = forms.CharField(
        label="Name",
        max_length=LONGEST_NAME,
        help_text="What you know it by, such as “Work laptop” or “Blue key”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RecoveryForm(Described):
    recovery_code = forms.CharField(
        label="Recovery code",
        max_length=40,
        help_text="Three groups of five; each code works once.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
