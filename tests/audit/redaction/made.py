"""People with a history in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from audit.actions import Action, Result
from audit.folding import record_folded
from audit.models import Event
from audit.redaction.services import redact_person
from audit.services import record
from temps.lib import clock, ids
from temps.lib.actor import Actor, ActorKind, Credential, CredentialKind
from tests.audit.proof.made import seal

OPERATOR = Actor.operator()
ADDRESS = "203.0.113.77"
AGENT = "Olivias-Browser/7"


@dataclass(frozen=True)
class Someone:
    id: str
    email: str
    name: str

    @property
    def actor(self) -> Actor:
        return Actor(
            ActorKind.USER,
            id=self.id,
            label=self.email,
            address=ADDRESS,
            user_agent=AGENT,
            credential=Credential(CredentialKind.SESSION),
            confirmed_at=clock.now(),
        )

    @property
    def pseudonym(self) -> str:
        return f"{self.id}@erased.invalid"


OLIVIA = Someone(ids.new("usr"), "olivia.person@example.com", "Olivia Maria Person")
OTTO = Someone(ids.new("usr"), "otto@example.com", "Otto Other")


def happened(actor: Actor, description: str, about: tuple[str, str] = ("project", "shop"), **metadata: Any) -> Event:
    with transaction.atomic():
        return record(actor, Action.PROJECT_UPDATE, about, description, project="shop", metadata=metadata)


def a_life(who: Someone) -> None:
    """Eight entries that name ``who`` by their address or id, and four that do not."""
    happened(OPERATOR, "nothing about anybody")
    happened(OPERATOR, f"created the person {who.email}", ("user", who.id), names=[who.name, {who.email: 1}])
    happened(who.actor, f"came from {ADDRESS}", seen=[ADDRESS, "203.0.113.7"])
    happened(who.actor, "made something")
    happened(OTTO.actor, f"wrote to {who.email.upper()}.")
    happened(OTTO.actor, f"met {who.email.upper()} and not not-{who.email}")
    happened(OTTO.actor, "met nobody", key=f"not{who.email}")
    with transaction.atomic():
        tried = Actor(ActorKind.ANONYMOUS, label=who.email, address=ADDRESS, user_agent=AGENT)
        text = f"sign-in refused for {who.email}"
        record_folded(tried, Action.USER_SIGN_IN, ("user", "unknown"), text, result=Result.FAILURE)
    happened(OPERATOR, "gave a role", ("user", who.id), who="owner")
    happened(OTTO.actor, "thought of someone", to={"deep": [{"in": who.email}]})
    happened(OPERATOR, f"looked for {who.email}", ("email", who.email))
    happened(OTTO.actor, "went away")
    seal()


def redact(who: Someone = OLIVIA, actor: Actor = OPERATOR) -> int:
    count = redact_person(user_id=who.id, email=who.email, name=who.name, actor=actor)
    seal()
    return count


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def at(position: int) -> Event:
    return Event.objects.get(position=position)
