from __future__ import annotations

from django.urls import path

from accounts.privacy import pages

urlpatterns = [
    path("login/consent/", pages.consent, name="account_consent"),
    path("archive/", pages.own_archive, name="account_archive"),
]
