"""The mail server: set, tried and removed. What it is entered with is sealed, and never shown again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from django.db import transaction

from accounts.mail.models import MailServer, Provider, Security
from accounts.mail.providers import check, fields_of
from accounts.mail.texts import Text, compose
from accounts.services import clean_email
from audit.actions import Action, Result
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_person
from secrets_vault.sealing import seal
from temps.lib import clock, mail
from temps.lib.actor import Actor, ActorKind
from temps.lib.errors import Conflict, Invalid, Unavailable

LONGEST_SECRET = 4096
LONGEST = {"host": 253, "username": 254, "domain": 253, "region": 32, "api_url": 300}
"""Characters, as the columns have room."""


class Given(TypedDict, total=False):
    host: str
    port: int
    security: str
    username: str
    domain: str
    region: str
    api_url: str


def mail_server(*, actor: Actor) -> MailServer | None:
    """The mail server that is set, for whoever may read the settings."""
    require(actor, Permission.SETTINGS_READ)
    return MailServer.objects.visible_to(actor).first()


@transaction.atomic
def set_mail_server(
    provider: str, from_email: str, *, actor: Actor, secret: str = "", **given: Unpack[Given]
) -> MailServer:
    """Send through this server from the next message on. What is left out gets its default.

    Without ``secret`` the one that is stored stays; only as long as mail goes where it went before, so that nobody
    learns it by sending it to a server of their own.
    """
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    old = MailServer.objects.select_for_update().filter(pk=MailServer.ONLY).first()
    server = _described(provider, from_email, given)
    kept = None if secret or old is None or old.sealed_secret is None else bytes(old.sealed_secret)
    if old is not None and kept is not None and _leads_elsewhere(old, server):
        raise Invalid("this leads elsewhere than before: enter the secret again", field="secret")
    check(server, has_secret=bool(secret or kept))
    server.updated_by = actor.label
    _keep_secret(server, old, kept, secret)
    server.save(force_insert=old is None, force_update=old is not None)
    record(
        actor,
        Action.MAIL_SERVER_UPDATE,
        server,
        f"mail goes out through {server}, from {server.from_email}",
        metadata={"provider": server.provider, "where": server.where, "from": server.from_email, "new": bool(secret)},
    )
    return server


@transaction.atomic
def remove_mail_server(*, actor: Actor) -> None:
    """Forget the server and its secret: the environment's is used again, if there is one."""
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    server = MailServer.objects.select_for_update().filter(pk=MailServer.ONLY).first()
    if server is None:
        raise Conflict("no mail server is set here")
    record(actor, Action.MAIL_SERVER_DELETE, server, f"mail no longer goes out through {server}")
    server.delete()


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test message: whether it was taken, and in one sentence what came back."""

    delivered: bool
    answer: str


def send_test(to: str = "", *, actor: Actor) -> Tried:
    """Send a test message, to the actor unless ``to`` names somebody. No transaction is open as long as that takes."""
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    if not to and actor.kind is not ActorKind.USER:
        raise Invalid("name an address to send the test message to", field="to")
    to = clean_email(to or actor.label)
    try:
        mail.send(*compose(Text.TEST, {"asked_by": actor.label}), [to])
        tried = Tried(True, f"the mail server took a message to {to}")
    except Unavailable as error:
        tried = Tried(False, error.message)
    with transaction.atomic():
        record(
            actor,
            Action.MAIL_SERVER_TEST,
            ("mail-server", "mail"),
            f"sent a test message: {tried.answer}",
            result=Result.SUCCESS if tried.delivered else Result.FAILURE,
        )
    return tried


def _described(provider: str, from_email: str, given: Given) -> MailServer:
    if provider not in Provider.values:
        raise Invalid(f"a provider is one of {', '.join(Provider.values)}", field="provider")
    if given.get("security", Security.STARTTLS) not in Security.values:
        raise Invalid(f"the security is one of {', '.join(Security.values)}", field="security")
    try:
        server = MailServer(provider=provider, from_email=clean_email(from_email))
    except Invalid as error:
        raise Invalid(error.message, field="from_email") from None
    asked = fields_of(provider)
    for name, value in given.items():
        plain: Any = value.strip() if isinstance(value, str) else value
        if name in asked:
            setattr(server, name, plain)
        elif plain and name not in ("port", "security"):  # which have a default
            raise Invalid(f"{server.get_provider_display()} has no such setting", field=name)
    for name in ("host", "username", "domain", "region", "api_url"):
        text = str(getattr(server, name))
        if not text.isprintable() or len(text) > LONGEST[name]:
            raise Invalid("this is too long, or holds characters that cannot be printed", field=name)
    return server


def _leads_elsewhere(old: MailServer, new: MailServer) -> bool:
    names = ("provider", "host", "port", "security", "username", "domain", "region", "api_url")
    return any(getattr(old, name) != getattr(new, name) for name in names)


def _keep_secret(server: MailServer, old: MailServer | None, kept: bytes | None, secret: str) -> None:
    server.updated_at = clock.now()
    if secret:
        if len(secret) > LONGEST_SECRET or not secret.isprintable():
            raise Invalid("this is no password and no key: it is too long, or more than one line", field="secret")
        server.revision = (old.revision if old else 0) + 1
        server.sealed_secret = seal(secret.encode(), project_pk=None, context=server.context)
    elif old is not None:
        server.revision, server.sealed_secret = old.revision, kept
