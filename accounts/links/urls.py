"""Under ``/accounts/``: asking for links, opening them, and one's own account."""

from __future__ import annotations

from django.urls import path

from accounts.links import views
from accounts.links.open_page import open_page
from accounts.links.own_page import own_page

urlpatterns = [
    path("link/", views.sign_in_page, name="account_link"),
    path("reset/", views.reset_page, name="account_reset"),
    path("sign-up/", views.sign_up_page, name="account_sign_up"),
    path("sent/<str:purpose>/", views.sent, name="account_link_sent"),
    path("open/<str:token>/", open_page, name="account_open"),
    path("you/", own_page, name="account_you"),
]
