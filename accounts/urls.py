"""``/accounts/``: signing in and out. There is no open sign-up, and no reset by mail while no mail is configured."""

from __future__ import annotations

from allauth.account.views import LogoutView
from django.urls import path

from accounts import views

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="account_login"),
    path("login/code/", views.totp, name="account_totp"),
    path("login/enrol/", views.enrol, name="account_enrol"),
    path("logout/", LogoutView.as_view(), name="account_logout"),
    path("setup/<str:token>/", views.setup, name="account_setup"),
]
