"""Every address of the platform."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from accounts.jwks import jwks
from temps import health

admin.autodiscover()  # before the addresses of the screens are made

handler400 = "temps.api.errors.bad_request_page"
handler404 = "temps.api.errors.no_such_address"
urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path(".well-known/jwks.json", jwks),
    path("accounts/", include("accounts.urls")),
    path("api/", include("temps.api.urls")),
    path("", admin.site.urls),
]
