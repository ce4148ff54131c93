"""Alerts in the console: what was found, what is watched for, who is told."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from audit.actions import Action, Result
from audit.alerts import channels, services
from audit.alerts.models import Alert, AlertState, Channel, ChannelKind, Rule, RuleKind
from audit.reading import visible_events
from rbac.console import ServiceAdmin
from rbac.guards import actor_of
from rbac.permissions import Permission
from temps.lib.actor import Actor
from temps.lib.errors import TempsError

SEVERITY_COLOURS = {"info": "info", "warning": "warning", "critical": "danger"}
STATE_COLOURS = {"open": "danger", "acknowledged": "warning", "resolved": "success"}
NOBODY = "Alerts are shown here and told to nobody: {why}. Add one under Channels, or send it a test message there."


class AlertForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    acknowledge = forms.BooleanField(
        required=False,
        label="I look after it",
        widget=UnfoldBooleanSwitchWidget,
        help_text="The alert counts on, and nobody is reminded of it.",
    )

    class Meta:
        model = Alert
        fields = ()


@admin.register(Alert)
class AlertAdmin(ServiceAdmin):
    permission_to_view = Permission.MONITORING_READ
    permission_to_change = Permission.MONITORING_WRITE
    form = AlertForm
    list_display = ("grave", "title", "about", "count", "stands", "first_at", "last_at")
    list_display_links = ("title",)
    list_filter = ("state", "severity")
    list_select_related = ("rule",)
    search_fields = ("title", "group", "public_id")
    sortable_by = ()
    actions = ("acknowledge_selected",)
    empty_hint = "Nothing that a rule watches for has happened. Rules lists what is watched for."
    readonly_fields = (
        *("stands", "grave", "title", "about", "count", "first_at", "last_at", "first_events", "rule"),
        *("notified_at", "acknowledged_by", "acknowledged_at", "resolved_at", "public_id"),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        may = self.has_change_permission(request, obj)
        return ("acknowledge", *self.readonly_fields) if may else self.readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        return super().get_queryset(request).select_related("rule")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        waits = obj is None or obj.state == AlertState.OPEN
        return waits and super().has_change_permission(request, obj)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        _say_if_told_to_nobody(request)
        return super().changelist_view(request, extra_context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        context |= {"show_save_and_continue": False}
        return super().render_change_form(request, context, **options)

    @display(description="severity", label=SEVERITY_COLOURS)  # type: ignore[untyped-decorator]
    def grave(self, alert: Alert) -> str:
        return alert.severity

    @display(description="state", label=STATE_COLOURS)  # type: ignore[untyped-decorator]
    def stands(self, alert: Alert) -> str:
        return alert.state

    @admin.display(description="about")
    def about(self, alert: Alert) -> str:
        return alert.group

    @admin.display(description="first events")
    def first_events(self, alert: Any) -> str:
        found = visible_events(alert.asked_by).filter(public_id__in=alert.events).order_by("id")
        rows = ((reverse("admin:audit_event_change", args=[event.public_id]), str(event)) for event in found)
        return format_html("<ul>{}</ul>", format_html_join("", '<li><a href="{}">{}</a></li>', rows)) if found else "-"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        alert = super().get_object(request, object_id, from_field)
        if alert is not None:
            alert.asked_by = actor_of(request)  # which of the events are shown depends on it
        return alert

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        if form.cleaned_data["acknowledge"]:
            services.acknowledge(obj, actor=actor)

    @admin.action(description="Acknowledge: somebody looks after them", permissions=["change"])
    def acknowledge_selected(self, request: HttpRequest, chosen: QuerySet[Alert]) -> None:
        with transaction.atomic():
            for alert in chosen:
                services.acknowledge(alert, actor=actor_of(request))
        messages.success(request, "Acknowledged.")


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    operations = forms.MultipleChoiceField(
        choices=[(action.value, action.value) for action in sorted(Action)],
        required=False,
        widget=UnfoldAdminSelectMultipleWidget,
        help_text="None chosen: any operation.",
    )
    results = forms.MultipleChoiceField(
        choices=[(result.value, result.value) for result in Result],
        required=False,
        widget=UnfoldAdminSelectMultipleWidget,
        help_text="None chosen: any result.",
    )

    class Meta:
        model = Rule
        fields = ("name", "enabled", "severity", "operations", "results", "threshold", "window", "group_by")
        help_texts: ClassVar = {
            "threshold": "How many of these events within the window make an alert.",
            "window": "Seconds, from 10 to 604800 (a week). An alert that is quiet for as long resolves itself.",
            "group_by": "Counts, and alarms, for each of these apart.",
        }


@admin.register(Rule)
class RuleAdmin(ServiceAdmin):
    """Rules that come with Temps can be switched off and adjusted; one's own can be deleted too."""

    permission_to_view = Permission.MONITORING_READ
    permission_to_add = Permission.MONITORING_WRITE
    permission_to_change = Permission.MONITORING_WRITE
    permission_to_delete = Permission.MONITORING_WRITE
    form = RuleForm
    list_display = ("name", "enabled", "grave", "alerts_at", "one_for_each", "created_by")
    list_filter = ("enabled", "severity", "kind")
    search_fields = ("name",)
    sortable_by = ()
    fields = RuleForm.Meta.fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return tuple(name for name in self.fields if name != "enabled")
        return ("name", "enabled", "severity") if obj.kind == RuleKind.CONDITION else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        adjustable = services.adjustable(obj) | {"enabled"}
        return tuple(name for name in self.get_fields(request, obj) if name not in adjustable)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return (obj is None or not obj.shipped) and super().has_delete_permission(request, obj)

    @display(description="severity", label=SEVERITY_COLOURS)  # type: ignore[untyped-decorator]
    def grave(self, rule: Rule) -> str:
        return rule.severity

    @admin.display(description="alerts at")
    def alerts_at(self, rule: Rule) -> str:
        return rule.when

    @admin.display(description="one for each")
    def one_for_each(self, rule: Rule) -> str:
        return services.one_for_each(rule)

    def create(self, form: Any, actor: Actor) -> Rule:
        return services.create_rule(actor=actor, **form.cleaned_data)

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        names = services.adjustable(obj) | {"enabled"}
        services.update_rule(obj, actor=actor, **{name: form.cleaned_data[name] for name in names})

    def remove(self, obj: Any, actor: Actor) -> None:
        services.delete_rule(obj, actor=actor)


class NewChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    mail_address = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="For the kind mail: who gets it."
    )
    web_address = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="For the other kinds. It is sealed at once, and only its host is shown from then on.",
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "minimum_severity")


@admin.register(Channel)
class ChannelAdmin(ServiceAdmin):
    permission_to_view = Permission.MONITORING_READ
    permission_to_add = Permission.MONITORING_WRITE
    permission_to_change = Permission.MONITORING_WRITE
    permission_to_delete = Permission.MONITORING_WRITE
    list_display = ("name", "kind", "address", "minimum_severity", "works", "delivered_at")
    sortable_by = ()
    actions = ("send_tests",)
    empty_hint = "Alerts are told to nobody until there is a channel here."
    readonly_fields = ("kind", "address", "works", "failures", "last_error", "delivered_at", "created_at", "created_by")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewChannelForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("name", "kind", "mail_address", "web_address", "minimum_severity")
        return ("name", "enabled", "minimum_severity", *self.readonly_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        _say_if_told_to_nobody(request)
        return super().changelist_view(request, extra_context)

    @display(  # type: ignore[untyped-decorator]
        description="works", label={"works": "success", "failing": "danger", "disabled": "info", "untried": "info"}
    )
    def works(self, channel: Channel) -> str:
        if not channel.enabled:
            return "disabled"
        if channel.last_error:
            return "failing"
        return "works" if channel.delivered_at else "untried"

    def create(self, form: Any, actor: Actor) -> Channel:
        given = form.cleaned_data
        address = given["mail_address"] if given["kind"] == ChannelKind.MAIL else given["web_address"]
        try:
            channel, form.secret = channels.add(
                given["name"], given["kind"], address, minimum_severity=given["minimum_severity"], actor=actor
            )
        except TempsError as error:
            if error.field == "address":
                error.field = "mail_address" if given["kind"] == ChannelKind.MAIL else "web_address"
            raise
        return channel

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        obj.shown_once = getattr(form, "secret", "")

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The signing secret of a webhook, in the answer to the form itself: nothing keeps it for a next page."""
        if not obj.shown_once:
            return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]
        context = {**self.admin_site.each_context(request), "title": f"Channel '{obj.name}'", "channel": obj}
        answer = TemplateResponse(request, "audit_alerts/channel_made.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    def change(self, obj: Any, form: Any, actor: Actor) -> None:
        given = form.cleaned_data
        channels.update_channel(
            obj,
            name=given["name"],
            enabled=given["enabled"],
            minimum_severity=given["minimum_severity"],
            actor=actor,
        )

    def remove(self, obj: Any, actor: Actor) -> None:
        channels.remove_channel(obj, actor=actor)

    @admin.action(description="Send a test message", permissions=["change"])
    def send_tests(self, request: HttpRequest, chosen: QuerySet[Channel]) -> None:
        for channel in chosen:
            channels.send_test(channel, actor=actor_of(request))
            messages.success(request, f"{channel}: {channel.address} took the message.")


def _say_if_told_to_nobody(request: HttpRequest) -> None:
    if request.method == "GET" and (why := channels.told_to_nobody()):
        messages.warning(request, NOBODY.format(why=why))
