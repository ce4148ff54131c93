"""Sinks in the console. A webhook's secret is shown on the page that answers its making, and never again."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Value
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from audit.sinks import services
from audit.sinks.models import Kind, Sink, State
from audit.sinks.targets import FIELDS, Given
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.actor import Actor

COLOURS = {State.OK: "success", State.FAILING: "warning", State.DEAD: "danger", State.PAUSED: "info"}
UNSEEN = {"autocomplete": "off", "spellcheck": "false"}


class SinkForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    url = forms.CharField(
        label="Web address",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs=UNSEEN),
        help_text="Begins with https://. Encrypted, and never shown again as a whole.",
    )
    from_start = forms.BooleanField(
        required=False, help_text="Send the whole log, and not only what is sealed from now on."
    )
    position = forms.IntegerField(
        label="Send again from position",
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="The place in the log of the entry that is sent next; empty to go on from where it is.",
    )

    class Meta:
        model = Sink
        fields = (
            *("name", "kind", "sends", "format", "every", "enabled"),
            *("host", "port", "transport", "ca_bundle", "recipients"),
        )
        widgets: ClassVar = {
            "ca_bundle": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "recipients": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }
        labels: ClassVar = {"every": "Seconds between checkpoints"}
        help_texts: ClassVar = {
            "name": "What commands call it, such as log-server.",
            "sends": "Mail carries checkpoints only.",
            "format": "CEF is for syslog alone; checkpoints are always JSON.",
            "every": "At least; a day (86400) for mail if left empty. Entries are sent as they come.",
            "enabled": "Paused, a sink goes on later from where it stopped.",
            "port": "6514 for TLS and 514 for TCP if left empty.",
            "transport": "TLS if left empty; TCP is not encrypted, and for your own network alone.",
            "ca_bundle": "PEM; the authorities of the system if left empty.",
            "recipients": "Mail addresses, separated by commas.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "every" in self.fields:
            self.fields["every"].required = False
            self.initial["every"] = self.instance.every if self.instance.pk else None
        if self.instance.pk and "url" in self.fields:
            self.fields["url"].help_text = f"Now {self.instance.shown_url}; what you enter replaces it."

    def given(self, kind: Kind) -> Given:
        """What was filled in. When a sink is changed, what does not belong to its kind has no field."""
        wanted = FIELDS[kind] if self.instance.pk else frozenset().union(*FIELDS.values())
        names = (name for name in wanted if name in self.cleaned_data)
        changing = bool(self.instance.pk)
        kept = {name: self.cleaned_data[name] for name in names if not changing or name in self.changed_data}
        filled = {name: value for name, value in kept.items() if value is not None and (changing or value != "")}
        return cast(Given, filled)


@admin.register(Sink)
class SinkAdmin(ServiceAdmin):
    step_up = frozenset({"add", "change"})
    permission_to_view = Permission.SETTINGS_READ
    permission_to_add = Permission.SETTINGS_WRITE
    permission_to_change = Permission.SETTINGS_WRITE
    permission_to_delete = Permission.SETTINGS_WRITE
    form = SinkForm
    list_display = ("name", "kind", "sends", "leads_to", "shown_state", "behind", "last_ok_at", "last_error")
    list_filter = ("kind", "sends", "enabled")
    search_fields = ("name",)
    actions = ("send_test", "pause", "resume")
    empty_hint = "A sink gets every entry of the audit log as it is sealed: a log server, a webhook, a mailbox."

    @admin.display(description="where")
    def leads_to(self, sink: Sink) -> str:
        return sink.where

    @display(description="state", label=COLOURS)  # type: ignore[untyped-decorator]
    def shown_state(self, sink: Sink) -> str:
        return sink.state

    @admin.display(description="behind")
    def behind(self, sink: Sink) -> int:
        return max(0, cast(int, sink.log_size) - sink.cursor)  # type: ignore[attr-defined]  # of get_queryset

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(log_size=Value(services.log_size()))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what = ("name", "kind", "sends", "format", "every")
        parts: dict[Kind, tuple[str, ...]] = {
            Kind.SYSLOG: ("host", "port", "transport", "ca_bundle"),
            Kind.WEBHOOK: ("url",),
            Kind.MAIL: ("recipients",),
        }
        if obj is None:
            titles = {kind: f"Where to, for {kind.label}" for kind in Kind}
            return [
                (None, {"fields": (*what, "from_start")}),
                *((titles[kind], {"fields": fields}) for kind, fields in parts.items()),
            ]
        state = (
            "shown_state",
            "cursor",
            "behind",
            "attempts",
            "last_ok_at",
            "failing_since",
            "last_error",
            "next_try_at",
        )
        may_change = self.has_change_permission(request, obj)
        where = parts[Kind(obj.kind)] if may_change else ("leads_to",)
        again = ("position",) if may_change else ()
        return [
            ("State", {"fields": state}),
            ("What", {"fields": (*what, "enabled")}),
            ("Where to", {"fields": where}),
            *([("Send again", {"fields": again})] if again else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        fixed = ("kind", "sends", "shown_state", "cursor", "behind", "attempts")
        return (*fixed, "last_ok_at", "failing_since", "last_error", "next_try_at", "leads_to")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        context |= {"show_save_and_add_another": False}
        return super().render_change_form(request, context, **options)

    def create(self, form: Any, actor: Actor) -> Sink:
        given = form.cleaned_data
        kind = Kind(given["kind"])
        sink, form.secret = services.create_sink(
            given["name"], kind, actor=actor, from_start=given["from_start"], **form.given(kind)
        )
        return sink

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        given, enabled, position = (
            form.given(Kind(obj.kind)),
            form.cleaned_data["enabled"],
            form.cleaned_data["position"],
        )
        if given or "name" in form.changed_data:
            services.change_sink(obj, name=form.cleaned_data["name"], actor=actor, **given)
        if position is not None:
            services.rewind_sink(obj, position, actor=actor)
        services.set_enabled(obj, enabled, actor=actor)

    def remove(self, obj: Any, actor: Actor) -> None:
        services.delete_sink(obj, actor=actor)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        obj.secret = getattr(form, "secret", "")

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The secret, in the answer itself: a message for the next page would have to be stored meanwhile."""
        if not obj.secret:
            return cast(HttpResponse, super().response_add(request, obj, post_url_continue))
        context = {**self.admin_site.each_context(request), "title": f"Sink '{obj.name}'", "sink": obj}
        answer = TemplateResponse(request, "audit/sink_made.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: Any) -> None:
        for sink in queryset:
            tried = services.try_sink(sink, actor=actor_of(request))
            tell = messages.success if tried.delivered else messages.error
            tell(request, f"{sink.name}: {tried.answer}")

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: Any) -> None:
        self._set_enabled(request, queryset, False)

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        self._set_enabled(request, queryset, True)

    def _set_enabled(self, request: HttpRequest, queryset: Any, enabled: bool) -> None:
        for sink in queryset:
            services.set_enabled(sink, enabled, actor=actor_of(request))
            messages.success(request, f"{'Resumed' if enabled else 'Paused'} {sink.name}.")
