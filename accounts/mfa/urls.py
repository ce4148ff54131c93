"""Under ``/accounts/``: the second factor at sign-in, and one's own under Security."""

from __future__ import annotations

from django.urls import path

from accounts.mfa import security_pages as security
from accounts.mfa import sign_in_pages as pages

urlpatterns = [
    path("login/code/", pages.second_factor, name="account_factor"),
    path("login/code/options/", pages.second_factor_options, name="account_factor_options"),
    path("login/enrol/", pages.enrol, name="account_enrol"),
    path("login/enrol/options/", pages.enrol_options, name="account_enrol_options"),
    path("login/recovery-codes/", pages.recovery_codes, name="account_recovery_codes"),
    path("login/passkey/", pages.sign_in, name="account_passkey"),
    path("login/passkey/options/", pages.sign_in_options, name="account_passkey_options"),
    path("security/", security.overview, name="account_security"),
    path("security/app/", security.app, name="account_security_app"),
    path("security/passkey/", security.passkey, name="account_security_passkey"),
    path("security/passkey/options/", security.passkey_options, name="account_security_passkey_options"),
    path("security/confirm/options/", security.confirm_options, name="account_confirm_options"),
    path("security/recovery-codes/", security.recovery_codes, name="account_security_recovery_codes"),
    path("security/<str:factor_id>/rename/", security.rename, name="account_security_rename"),
    path("security/<str:factor_id>/remove/", security.remove, name="account_security_remove"),
]
