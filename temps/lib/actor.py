"""Who acts. Every service function takes an :class:`Actor`, and works without a request.

Whatever a request knew (address, user agent, request id, credential, time of the last second factor) is carried here,
so that permissions, the audit log and step-up decide alike for the console, the API, the command line and tasks.
"""

from __future__ import annotations

import getpass
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class ActorKind(StrEnum):
    USER = "user"
    SERVICE = "service"
    OPERATOR = "operator"
    """Whoever runs commands on the machine itself: they hold the key file and the database already."""
    SYSTEM = "system"
    """Background work; ``id`` names it, and ``rbac.permissions`` lists what it may do."""
    ANONYMOUS = "anonymous"


class CredentialKind(StrEnum):
    SESSION = "session"
    JWT = "jwt"
    API_KEY = "api_key"
    LINK = "link"
    """A short-lived signed address, good for one file."""
    LOCAL = "local"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Credential:
    """How the actor proved who they are. ``scopes`` narrow the owner's rights; ``None`` narrows nothing."""

    kind: CredentialKind = CredentialKind.NONE
    id: str = ""
    scopes: frozenset[str] | None = None


def new_request_id() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Actor:
    kind: ActorKind
    id: str = ""
    """The public id of the user, or the name of the background work."""
    label: str = ""
    """What a person reads: the email of a user, ``operator (login name)`` of an operator."""
    user_pk: int | None = None
    address: str | None = None
    user_agent: str = ""
    request_id: str = ""
    credential: Credential = Credential()
    confirmed_at: datetime | None = None
    """When this person last showed their second factor, or their password where none is enrolled, for this credential:
    what :mod:`rbac.step_up` goes by."""
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Look-ups that hold as long as this actor does (one request, one command); emptied when grants change. A copy made
    by ``dataclasses.replace`` (with narrower scopes, say) starts empty and never inherits what was looked up before."""

    @classmethod
    def operator(cls) -> Actor:
        try:
            login = getpass.getuser()
        except (KeyError, OSError):  # a container may run as a number without a name
            login = "unknown"
        return cls(
            ActorKind.OPERATOR,
            id="operator",
            label=f"operator ({login})",
            request_id=new_request_id(),
            credential=Credential(CredentialKind.LOCAL),
        )

    @classmethod
    def system(cls, name: str) -> Actor:
        return cls(ActorKind.SYSTEM, id=name, label=f"system ({name})", request_id=new_request_id())

    @classmethod
    def anonymous(cls, *, address: str | None = None, user_agent: str = "", request_id: str = "") -> Actor:
        return cls(ActorKind.ANONYMOUS, address=address, user_agent=user_agent, request_id=request_id)

    @property
    def is_authenticated(self) -> bool:
        return self.kind is not ActorKind.ANONYMOUS
