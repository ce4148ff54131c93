"""Every model is watched or has a reason not to be, and no watched field can put a secret into a diff."""

from __future__ import annotations

import re
from typing import Any

import pytest
from auditlog.registry import auditlog
from django.apps import apps
from django.db import models

from accounts.models import User
from audit.diffs import is_tracked, track
from audit.diffs.sensitive import mask
from audit.masking import MASK

OURS = {"audit", "audit_sinks", "audit_alerts", "sinks", "alerts", "rbac", "accounts", "projects"} | {
    *("secrets_vault", "certificates", "firewall")
}
NOT_TRACKED = {
    # What the log itself is made of.
    "audit.Event": "is the log",
    "audit.Fold": "counts for the log",
    "audit.Tree": "seals the log",
    "audit.Tile": "seals the log",
    "audit.Checkpoint": "seals the log",
    "audit.SigningKey": "seals the log",
    "audit.Retirement": "is a signed statement about the log",
    "audit.Redaction": "is a signed statement about the log",
    "audit.RedactedEntry": "is what such a statement is about",
    "audit.Export": "asked for once and never changed by people; asking is the event",
    # What background work keeps.
    "audit_alerts.Alert": "found by rules and counted on by them; acknowledging one is an event",
    "audit_alerts.Message": "waits for its channel",
    "audit_alerts.KnownNetwork": "noticed at sign-ins, which are events",
    "audit_alerts.Cursor": "how far the log has been looked at",
    "accounts.TokenFamily": "a sign-in over the API: what people do with it are TOKEN_ISSUE and TOKEN_REVOKE",
    "accounts_sessions.BrowserSession": "kept by browsers: USER_SIGN_IN, USER_SIGN_OUT and SESSION_END tell of it",
    "accounts_sessions.TokenUse": "where tokens are used, noted by the tokens themselves",
    "accounts.TotpDevice": "nothing in it but a sealed secret and counters: MFA_ENABLE and MFA_DISABLE tell of it",
    "accounts_mfa.RecoveryCodes": "hashes and counters: RECOVERY_CODES_CREATE and RECOVERY_CODE_USE tell of them",
    "accounts.TokenKey": "a sealed key and times: TOKEN_KEY_ROTATE tells of it",
    "accounts_lockout.SignInNetwork": "noticed at sign-ins, which are events",
    "accounts_lockout.Lockout": "begun by failed sign-ins: USER_LOCK and USER_UNLOCK tell of it",
    "accounts_privacy.Consent": "given once and never changed: CONSENT_GIVE tells of it",
    "accounts_links.EmailLink": "hashes and times: what a link is used for is an event",
    "accounts.SetupLink": "a hash and a time: SETUP_LINK_CREATE tells of it",
    "secrets_vault.VariableVersion": "rows are added and never changed: it is the history of a variable",
    "secrets_vault.DataKey": "made by sealing, by nobody",
    "certificates.AcmeAccount": "made by the first attempt with an issuer, by nobody",
    "certificates.Challenge": "there for the seconds of one attempt",
    "certificates.DomainName": "made with its domain, whose event lists the names",
    "firewall.PolicyVersion": "compiled from rules, limits and presets, which are tracked",
}
SUSPICIOUS = re.compile(
    r"secret|passw|passphrase|token|hash|sealed|cipher|private|credential|pem$|seed|salt|otp|cookie|plain|wrapped"
)
"""Written down once more, and wider than the code under test."""


def models_of_ours() -> list[Any]:
    return [model for model in apps.get_models() if model.__module__.split(".")[0] in OURS]


@pytest.mark.promise("L-02")
@pytest.mark.parametrize("model", models_of_ours(), ids=lambda model: model._meta.label)
def test_every_model_is_tracked_or_has_a_reason_not_to_be(model: Any) -> None:
    assert is_tracked(model) != (model._meta.label in NOT_TRACKED), (
        "call audit.diffs.track in the AppConfig of its room, or say in NOT_TRACKED why its changes need no diff"
    )


def test_no_exception_is_left_over() -> None:
    assert set(NOT_TRACKED) <= {model._meta.label for model in models_of_ours()}


@pytest.mark.promise("L-02")
@pytest.mark.parametrize("model", auditlog.get_models(), ids=lambda model: model._meta.label)
def test_no_tracked_field_shows_what_may_be_secret(model: Any) -> None:
    seen = auditlog.get_model_fields(model)
    for name in seen["include_fields"]:
        field = model._meta.get_field(name)
        assert not isinstance(field, models.BinaryField)
        harmless = isinstance(field, models.BooleanField | models.DateField | models.IntegerField)
        assert name in seen["mask_fields"] or harmless or not SUSPICIOUS.search(name), f"mask {name}"
    assert seen["include_fields"], "with nothing to include, auditlog would include everything"


def test_password_hashes_change_without_being_shown() -> None:
    seen = auditlog.get_model_fields(User)
    assert "password" in seen["include_fields"]
    assert "password" in seen["mask_fields"]
    assert "last_login" not in seen["include_fields"]


def test_a_mistyped_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="pasword"):
        track(User, mask=["pasword"])


def test_a_mask_does_not_tell_the_length_and_empty_stays_empty() -> None:
    assert mask("a" * 40) == mask("b") == MASK
    assert mask("None") is mask("") is None
