"""The console's side of the guards: a Django admin whose every screen reads with ``visible_to`` and writes through a
service.

A model's admin declares the permission for each kind of access; what is not declared is closed. An error of a service
is shown on the form that caused it, with what the person had typed still in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import models, transaction
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin

from audit.diffs import is_tracked
from audit.diffs.identity import identity_of
from audit.folding import record_denial
from rbac.guards import actor_of
from rbac.permissions import Permission
from rbac.services import allowed, allowed_anywhere
from rbac.step_up import StepUpRequired, is_recent
from temps.lib.actor import Actor
from temps.lib.errors import Denied, TempsError

_ERROR, _TO_READ = "_service_error", "_shown_to_read"
TO_FILL_IN = timedelta(minutes=5)
"""What is left of a confirmation at least when a form is shown that needs one."""
KEY = re.compile(r"[0-9]{1,18}")
"""A primary key, as the check boxes of a list send it."""


class ServiceAdmin(ModelAdmin):  # type: ignore[misc]
    """Subclasses declare permissions and implement :meth:`create`, :meth:`change` and :meth:`remove` with services."""

    permission_to_view: ClassVar[Permission | None] = None
    permission_to_add: ClassVar[Permission | None] = None
    permission_to_change: ClassVar[Permission | None] = None
    permission_to_delete: ClassVar[Permission | None] = None
    empty_hint: ClassVar[str] = "What is made here, over the API or with the temps command appears in this list."
    """What an empty list says."""
    linked_lookups: ClassVar[tuple[str, ...]] = ()
    """Columns that links of the console filter by, besides the filters that the list shows."""
    removal: ClassVar[tuple[str, str]] = ("Delete", "There is no way back.")
    """What removing one is called, and what comes of it: the page that asks says both."""
    delete_confirmation_template = "rbac/removal.html"
    list_disable_select_all = True
    compressed_fields = True
    warn_unsaved_form = True
    step_up: ClassVar[frozenset[str]] = frozenset()
    """Which of ``add``, ``change`` and ``delete`` ask again who is there. The services decide; this asks before the
    form is filled in rather than after. What exists is shown to read until then."""

    # Subclasses fill these in; a screen without one declares no permission for it and is never reached.

    def create(self, form: ModelForm[Any], actor: Actor) -> models.Model:
        """Make the object by a service and return it."""
        raise PermissionDenied

    def change(self, obj: models.Model, form: ModelForm[Any], actor: Actor) -> None:
        """Change the object by a service."""
        raise PermissionDenied

    def remove(self, obj: models.Model, actor: Actor) -> None:
        """Delete the object by a service."""
        raise PermissionDenied

    def project_of(self, obj: models.Model) -> Any:
        """The project that ``obj`` belongs to, None for the platform."""
        return getattr(obj, "project", None)

    def environment_of(self, obj: models.Model) -> Any:
        """The environment whose grants count too, for what services ask about with an environment."""
        return None

    # Reading

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = super().get_queryset(request)
        visible_to = getattr(rows, "visible_to", None)
        if visible_to is None:
            return rows if self._holds(request, self.permission_to_view, None, everywhere=True) else rows.none()
        visible: models.QuerySet[Any] = visible_to(actor_of(request))
        return visible

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._holds(request, self.permission_to_view, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, self.permission_to_add, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not hasattr(request, _TO_READ) and self._holds(request, self.permission_to_change, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._holds(request, self.permission_to_delete, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def _holds(
        self, request: HttpRequest, permission: Permission | None, obj: Any, *, everywhere: bool = False
    ) -> bool:
        if permission is None:
            return False
        actor = actor_of(request)
        if obj is not None:
            return allowed(actor, permission, self.project_of(obj), self.environment_of(obj))
        return allowed(actor, permission) if everywhere else allowed_anywhere(actor, permission)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Whether the address may filter by ``lookup``: by what the console itself filters by, and nothing else.

        Django lets every column of the model pass, so that ``?password__startswith=`` would read a hash by halves.
        """
        shown = self.list_filter if request is None else self.get_list_filter(request)
        names = [*map(_name_of_filter, shown), *self.linked_lookups]
        return any(lookup == name or lookup.startswith(f"{name}__") for name in names)

    # History

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The page of the audit log about this object, which Django's own log knows nothing of."""
        obj = self.get_object(request, object_id)
        if obj is None or not is_tracked(self.model) or not self.has_view_permission(request, obj):
            raise Http404
        return redirect("admin:audit_event_history_of", *identity_of(obj))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        context["show_history"] = is_tracked(self.model) and allowed_anywhere(actor_of(request), Permission.AUDIT_READ)
        return super().render_change_form(request, context, **options)  # type: ignore[no-any-return]

    # Writing

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if object_id is None and self._asks_first(request, "add"):
            return ask_to_confirm(request)
        if object_id is not None and self._asks_first(request, "change"):
            self._show_to_read(request, object_id)
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[no-any-return]
        except StepUpRequired:
            return ask_to_confirm(request)
        except TempsError as error:
            _refuse_if_denied(error)
            # Run the form again with the error on it: it is invalid now, so no service is called.
            setattr(request, _ERROR, error)
            return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[no-any-return]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        try:
            return super().changelist_view(request, extra_context)  # type: ignore[no-any-return]
        except StepUpRequired:
            return ask_to_confirm(request)
        except TempsError as error:
            if request.method != "POST":
                raise
            # An action on what was selected: all of it was undone.
            _refuse_if_denied(error)
            messages.error(request, error.message)
            return redirect(request.path)

    def response_action(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        if not all(KEY.fullmatch(chosen) for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise BadRequest("what was selected is no row of a list")  # and would fail in the database
        return super().response_action(request, queryset)  # type: ignore[no-any-return]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if self._asks_first(request, "delete"):
            return ask_to_confirm(request)
        try:
            return super().delete_view(  # type: ignore[no-any-return]
                request, object_id, self._about_removal(request, object_id) | (extra_context or {})
            )
        except StepUpRequired:
            return ask_to_confirm(request)
        except TempsError as error:
            _refuse_if_denied(error)
            messages.error(request, error.public_message)
            return self.response_delete_refused(request, object_id)

    def _about_removal(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        verb, says = self.removal
        return {"title": f"{verb} {self.get_object(request, object_id)}", "verb": verb, "says": says}

    def _asks_first(self, request: HttpRequest, what: str) -> bool:
        """Whether to ask before the form is shown, so that nobody fills it in for nothing."""
        if what not in self.step_up or request.method not in ("GET", "HEAD"):
            return False
        actor = actor_of(request)
        return actor.is_authenticated and not is_recent(actor, left=TO_FILL_IN)

    def _show_to_read(self, request: HttpRequest, object_id: str) -> None:
        """Show the object without a form, and to whoever may change it the way to one: nobody should learn to confirm
        who they are only to look at something."""
        obj = self.get_object(request, object_id)
        if obj is None or not self.has_change_permission(request, obj):
            return
        setattr(request, _TO_READ, True)
        text = '<a href="{}" class="underline">Confirm that it is you</a> to change this.'
        messages.info(request, format_html(text, _confirm_address(request.get_full_path())))

    def response_delete_refused(self, request: HttpRequest, object_id: str) -> HttpResponse:
        options = self.model._meta
        return redirect(reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[object_id]))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **options)

        class ServiceForm(form_class):  # type: ignore[misc, valid-type]
            def _post_clean(self) -> None:
                # Constraints of the model too are left to the service: full_clean() would ask the database about them
                # and answer in the words of a constraint's name.
                self.instance.validate_constraints = _service_decides
                super()._post_clean()
                error: TempsError | None = getattr(request, _ERROR, None)
                if error is not None:
                    field = error.field if error.field in self.fields else None
                    self.add_error(field, error.public_message)

            def validate_unique(self) -> None:
                """Left to the service: rows that this actor may not see must not answer through a form either."""

        ServiceForm.__name__ = form_class.__name__
        return ServiceForm

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            # As it is stored: the form put into ``obj`` what was typed, and a service records what was there before.
            # Of a policy that nobody has set yet there is no row.
            stored = self.model._base_manager.filter(pk=obj.pk).first()
            self.change(stored or obj, form, actor_of(request))
            return
        made = self.create(form, actor_of(request))
        obj.pk, obj.__dict__ = made.pk, made.__dict__

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is saved beside the services."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(obj, actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Any]) -> None:
        actor = actor_of(request)
        with transaction.atomic():
            for obj in queryset:
                self.remove(obj, actor)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the confirmation shows: the objects themselves. Whether it is allowed, the service says."""
        return [str(obj) for obj in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), []

    # Django's own admin log is not kept: the audit log is, by the services.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry | None:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry | None:
        return None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        return None


def ask_to_confirm(request: HttpRequest) -> HttpResponse:
    """To the page that asks again who is there, and back: to this page, or to the one whose button was pressed."""
    back = request.get_full_path()
    if request.method == "POST":
        came_from = urlsplit(request.headers.get("Referer", ""))
        if came_from.netloc == request.get_host():
            back = urlunsplit(("", "", came_from.path, came_from.query, ""))
    return redirect(_confirm_address(back))


def _confirm_address(back: str) -> str:
    return f"{reverse('account_confirm')}?{urlencode({REDIRECT_FIELD_NAME: back})}"


def _name_of_filter(shown: Any) -> str:
    """What an entry of ``list_filter`` (a column, one with its class, or a class) is called in the address."""
    if isinstance(shown, str):
        return shown
    return str(shown[0] if isinstance(shown, tuple | list) else shown.parameter_name)


def _service_decides(exclude: Any = None) -> None:
    """What stands in for a check of the form."""


def _refuse_if_denied(error: TempsError) -> None:
    if isinstance(error, Denied):
        record_denial(error)
        raise PermissionDenied(error.message) from error
