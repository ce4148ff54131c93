"""What a provider has proven of somebody, in our own terms: few claims, of known size, in known forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from accounts.services import clean_email
from temps.lib.errors import Invalid, TempsError

SUBJECT_LIMIT = 191
"""What allauth's column holds; OpenID Connect Core section 2 allows 255, of ASCII."""
GROUPS_LIMIT = 1000
GROUP_LIMIT = 500


class Reason(StrEnum):
    """Why a sign-in elsewhere does not lead in. What each says to the visitor is in ``refused.html``."""

    EXPIRED = "expired"
    """The sign-in was begun in another browser, too long ago, with another provider, or was finished already."""
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"
    """The provider does not answer, or not with what it should."""
    UNPROVEN = "unproven"
    """The answer did not pass the checks."""
    NO_ACCOUNT = "no account"
    """Nobody here is linked with it. The same for a disabled account, and where the address belongs to someone."""
    UNVERIFIED = "unverified"
    """There is no address that the provider has verified, so no account is made."""
    DOMAIN = "domain"
    """The address is of a domain whose people get no account by themselves."""


class Refused(TempsError):
    """``account`` is the public id of the account that it was about, for the record alone."""

    code = "sign_in_refused"
    status = 403

    def __init__(self, reason: Reason, detail: str = "", *, account: str = "") -> None:
        super().__init__(detail or reason.value)
        self.reason = reason
        self.account = account


@dataclass(frozen=True, slots=True)
class Proven:
    subject: str
    """Who it is there: given once, and never to somebody else."""
    email: str = ""
    """In lower case; empty where there is none."""
    email_verified: bool = False
    name: str = ""
    groups: tuple[str, ...] = field(default=())

    @property
    def kept(self) -> dict[str, str]:
        """What is stored beside the link, for its owner to recognise it by. Tokens are not kept."""
        return {"email": self.email, "name": self.name}


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is a JSON object. Raises :class:`Refused`."""
    if not isinstance(value, dict):
        raise Refused(Reason.UNPROVEN, "the answer is no object")
    return value


def subject(value: Any) -> str:
    """Raises :class:`Refused` for what can be nobody."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= SUBJECT_LIMIT
        or not (value.isascii() and value.isprintable())
    ):
        raise Refused(Reason.UNPROVEN, "the subject is missing, too long, or no text")
    return value


def email(value: Any) -> str:
    """The address as Temps stores it; empty for what is none."""
    try:
        return clean_email(value) if isinstance(value, str) and len(value) <= 254 else ""
    except Invalid:
        return ""


def name(value: Any) -> str:
    text = value.strip()[:120] if isinstance(value, str) else ""
    return text if text.isprintable() else ""


def groups(value: Any) -> tuple[str, ...]:
    """A list of names; missing means none, since some providers leave an empty list out. Raises :class:`Refused`."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > GROUPS_LIMIT:
        raise Refused(Reason.UNPROVEN, f"groups are a list of at most {GROUPS_LIMIT} names")
    if not all(isinstance(one, str) and len(one) <= GROUP_LIMIT for one in value):
        raise Refused(Reason.UNPROVEN, f"a group has a name of at most {GROUP_LIMIT} characters")
    return tuple(value)
