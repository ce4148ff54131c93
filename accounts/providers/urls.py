"""``/accounts/providers/`` and ``/accounts/linked/``. Of allauth's own pages none is reachable."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from accounts.providers import views

urlpatterns = [
    path("providers/<slug:slug>/login/", views.begin, name="identity_provider_login"),
    path("providers/<slug:slug>/callback/", views.callback, name="identity_provider_callback"),
    path("linked/", admin.site.admin_view(views.linked), name="linked_accounts"),
    path("linked/<slug:slug>/link/", admin.site.admin_view(views.link), name="linked_account_link"),
    path("linked/<slug:slug>/unlink/", admin.site.admin_view(views.unlink), name="linked_account_unlink"),
]
