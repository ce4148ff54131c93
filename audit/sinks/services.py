"""Where the log is streamed to: made, changed, paused, sent back, tried and removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.actions import Action, Result
from audit.masking import printable
from audit.proof.models import Tree
from audit.services import record
from audit.sinks.models import DEAD_AFTER, Kind, Sends, Sink, check_name
from audit.sinks.sealed import open_webhook, seal_webhook
from audit.sinks.senders import sender_for
from audit.sinks.targets import Given, apply
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_recent
from temps.lib import clock, mail
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound, Unavailable
from temps.lib.webhooks import checked_secret, new_secret


def sink_by_id(public_id: str, *, actor: Actor) -> Sink:
    """The sink, if ``actor`` may see it. Raises :class:`NotFound` when not."""
    return _found(Sink.objects.visible_to(actor).filter(public_id=public_id).first(), public_id)


def sink_by_name(name: str, *, actor: Actor) -> Sink:
    """As :func:`sink_by_id`."""
    return _found(Sink.objects.visible_to(actor).filter(name=name.strip()).first(), name)


def _found(sink: Sink | None, asked_for: str) -> Sink:
    if sink is None:
        raise NotFound(f"there is no sink '{printable(asked_for[:60])}': temps sink list shows them")
    return sink


def dead_sinks() -> list[Sink]:
    """Those that have failed for longer than :data:`DEAD_AFTER`, for alerts."""
    return list(Sink.objects.filter(enabled=True, failing_since__lt=clock.now() - DEAD_AFTER))


def log_size() -> int:
    """How many entries are sealed: what a sink of entries is behind is this minus its cursor."""
    return Tree.objects.filter(pk=1).values_list("size", flat=True).first() or 0


@transaction.atomic
def create_sink(
    name: str, kind: str, *, actor: Actor, from_start: bool = False, secret: str = "", **given: Unpack[Given]
) -> tuple[Sink, str]:
    """Make a sink that gets what is sealed from now on, or everything that is there. A webhook's secret is returned
    beside it, ``secret`` or a new one, and never again.
    """
    require(actor, Permission.SETTINGS_WRITE)
    require_recent(actor)
    if kind not in Kind.values:
        raise Invalid(f"a sink is one of {', '.join(Kind.values)}", field="kind")
    if kind == Kind.MAIL:
        mail.require_server()
    sink = Sink(name=_free_name(name), kind=kind, created_by=actor.label)
    url = apply(sink, given)
    if kind == Kind.WEBHOOK:
        if not url:
            raise Invalid("a webhook needs an address", field="url")
        secret = checked_secret(secret) if secret else new_secret()
        seal_webhook(sink, url, secret)
    elif secret:
        raise Invalid("only webhooks are signed with a secret", field="secret")
    sink.cursor = 0 if from_start else log_size()
    sink.save()
    record(
        actor,
        Action.SINK_CREATE,
        sink,
        f"began streaming {sink.sends} to {sink.name} ({sink.where})",
        metadata=_told(sink) | {"fromPosition": sink.cursor},
    )
    return sink, secret


@transaction.atomic
def change_sink(sink: Sink, *, actor: Actor, name: str | None = None, **given: Unpack[Given]) -> Sink:
    """Change where and how; what is left out stays. What was not delivered goes to the new place."""
    require(actor, Permission.SETTINGS_WRITE)
    require_recent(actor)
    sink = _locked(sink)
    before = _told(sink)
    if name is not None and name != sink.name:
        sink.name = _free_name(name)
    url = apply(sink, given)
    if sink.kind == Kind.WEBHOOK:
        old_url, secret = open_webhook(sink)
        sink.revision += 1
        seal_webhook(sink, url or old_url, secret)
    else:
        sink.revision += 1
    _try_now(sink)
    _save(sink)
    changed = {"before": before, "after": _told(sink), "addressReplaced": bool(url)}
    record(actor, Action.SINK_UPDATE, sink, f"changed the sink {sink.name}", metadata=changed)
    return sink


@transaction.atomic
def rotate_secret(sink: Sink, *, actor: Actor, secret: str = "") -> str:
    """Sign with another secret from the next message on, ``secret`` or a new one; returned this once."""
    require(actor, Permission.SETTINGS_WRITE)
    require_recent(actor)
    sink = _locked(sink)
    if sink.kind != Kind.WEBHOOK:
        raise Invalid("only webhooks are signed with a secret", field="kind")
    secret = checked_secret(secret) if secret else new_secret()
    url, _old = open_webhook(sink)
    sink.revision += 1
    seal_webhook(sink, url, secret)
    _save(sink)
    record(actor, Action.SINK_UPDATE, sink, f"gave the sink {sink.name} a new signing secret")
    return secret


@transaction.atomic
def set_enabled(sink: Sink, enabled: bool, *, actor: Actor) -> Sink:
    """Pause, or go on from where it stopped: what was sealed meanwhile is sent then."""
    require(actor, Permission.SETTINGS_WRITE)
    sink = _locked(sink)
    if sink.enabled == enabled:
        return sink
    sink.enabled = enabled
    _try_now(sink)
    sink.failing_since, sink.attempts, sink.last_error = None, 0, ""
    _save(sink)
    verb = "resumed" if enabled else "paused"
    record(actor, Action.SINK_UPDATE, sink, f"{verb} the sink {sink.name}", metadata={"enabled": enabled})
    return sink


@transaction.atomic
def rewind_sink(sink: Sink, position: int, *, actor: Actor) -> Sink:
    """Send again from ``position`` on, or skip to it."""
    require(actor, Permission.SETTINGS_WRITE)
    sink, size = _locked(sink), log_size()
    if not 0 <= position <= size:
        raise Invalid(f"the log has positions from 0 to {size}, the next to be sealed", field="position")
    before, sink.cursor = sink.cursor, position
    if sink.sends == Sends.CHECKPOINTS:
        sink.last_ok_at = None  # else the pause between two would have to pass first
    _try_now(sink)
    _save(sink)
    record(
        actor,
        Action.SINK_UPDATE,
        sink,
        f"set the sink {sink.name} to position {position}",
        metadata={"before": before, "after": position},
    )
    return sink


@transaction.atomic
def delete_sink(sink: Sink, *, actor: Actor) -> None:
    """Stop streaming there, for good."""
    require(actor, Permission.SETTINGS_WRITE)
    sink = _locked(sink)
    told = _told(sink) | {"cursor": sink.cursor}
    sink.delete()
    record(actor, Action.SINK_DELETE, sink, f"stopped streaming to {sink.name} ({sink.where})", metadata=told)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test message: whether it was taken, and in one sentence what came back."""

    delivered: bool
    answer: str


def try_sink(sink: Sink, *, actor: Actor) -> Tried:
    """Send a test message now and say what came back. Neither the cursor nor the sink's state changes.

    Takes as long as the peer does, and so long no transaction is open.
    """
    require(actor, Permission.SETTINGS_WRITE)
    sender = sender_for(sink)
    try:
        tried = Tried(True, sender.test())
    except Unavailable as error:
        tried = Tried(False, error.message)
    finally:
        sender.close()
    with transaction.atomic():
        record(
            actor,
            Action.SINK_TEST,
            sink,
            f"sent a test message to {sink.name}: {tried.answer}",
            result=Result.SUCCESS if tried.delivered else Result.FAILURE,
        )
    return tried


def _free_name(name: str) -> str:
    name = name.strip()
    try:
        check_name(name)
    except ValidationError as error:
        raise Invalid(f"this cannot be the name of a sink: {error.messages[0]}", field="name") from None
    if Sink.objects.filter(name=name).exists():
        raise Conflict(f"there is a sink '{name}' already", field="name")
    return name


def _locked(sink: Sink) -> Sink:
    """The row as it is now, held until the transaction ends: the stream moves its cursor all the time."""
    return _found(Sink.objects.select_for_update().filter(pk=sink.pk).first(), sink.name)


def _try_now(sink: Sink) -> None:
    sink.next_try_at = None


def _save(sink: Sink) -> None:
    """All but who holds it, which is the streams' own."""
    columns = [field.name for field in Sink._meta.concrete_fields if not field.primary_key]
    sink.save(update_fields=[name for name in columns if name not in ("holder", "held_until")])


def _told(sink: Sink) -> dict[str, object]:
    """What the audit log says of a sink."""
    told: dict[str, object] = {"name": sink.name, "kind": sink.kind, "sends": sink.sends, "where": sink.where}
    return told | {"format": sink.format, "every": sink.every, "ownAuthorities": bool(sink.ca_bundle)}
