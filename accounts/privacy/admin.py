from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.privacy.models import Notice
from accounts.privacy.notices import publish_notice, withdraw_notice
from rbac.console import ServiceAdmin
from rbac.permissions import Permission
from temps.lib.actor import Actor


class NoticeForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Notice
        fields = ("name", "version", "title", "text")
        help_texts: ClassVar = {
            "name": "Which text this is a version of: privacy, terms. A new version takes the place of the one before.",
            "version": "Such as 2026-11 or 1.2. Each is published once: everyone is asked to agree to a new one.",
            "title": "The heading that people see, such as Privacy notice.",
            "text": "Plain text; an empty line begins a new paragraph. It cannot be changed once it is published.",
        }


@admin.register(Notice)
class NoticeAdmin(ServiceAdmin):
    """Texts are published and never changed. Deleting one withdraws it, and its row stays."""

    removal = ("Withdraw", "Nobody is asked for it any more. Its texts stay, and who agreed to which.")
    step_up = frozenset({"add", "delete"})
    permission_to_view = Permission.SETTINGS_READ
    permission_to_add = Permission.SETTINGS_WRITE
    permission_to_delete = Permission.SETTINGS_WRITE
    empty_hint = "Nobody is asked to agree to anything. Publish a privacy notice or terms of use, and everyone is."
    list_display = ("title", "name", "version", "published_at", "agreed", "in_force")
    form = NoticeForm
    fields = ("name", "version", "title", "text")

    @admin.display(description="agreed")
    def agreed(self, notice: Notice) -> int:
        return notice.consents.count()

    @admin.display(description="in force", boolean=True)
    def in_force(self, notice: Notice) -> bool:
        return notice.withdrawn_at is None

    def create(self, form: Any, actor: Actor) -> Notice:
        given = form.cleaned_data
        return publish_notice(given["name"], given["version"], given["title"], given["text"], actor=actor)

    def remove(self, obj: Any, actor: Actor) -> None:
        withdraw_notice(obj, actor=actor)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        messages.success(request, f"Withdrew {obj_display}: nobody is asked for it any more.")
        return redirect("admin:accounts_privacy_notice_changelist")
