"""``/accounts/``: signing in and out, and what is done by links."""

from __future__ import annotations

from allauth.account.views import LogoutView
from django.urls import include, path

from accounts import views
from accounts.confirm_page import confirm_page

urlpatterns = [
    path("", include("accounts.providers.urls")),
    path("login/", views.SignIn.as_view(), name="account_login"),
    path("", include("accounts.mfa.urls")),
    path("confirm/", confirm_page, name="account_confirm"),
    path("", include("accounts.links.urls")),
    path("", include("accounts.privacy.urls")),
    path("logout/", LogoutView.as_view(), name="account_logout"),
    path("setup/<str:token>/", views.setup, name="account_setup"),
]
