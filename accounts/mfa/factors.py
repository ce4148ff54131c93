"""The second factors that somebody has, whatever their kind: listed, renamed, taken away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from accounts.browser_sessions.services import end_sessions_of
from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.mfa.enrolling import clean_name, end_others, lock_factors
from accounts.mfa.models import Passkey, RecoveryCodes
from accounts.models import TotpDevice, User
from accounts.policy import mfa_required_of
from accounts.totp import STEP
from audit.actions import Action
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import ASKED, require_person, require_recent
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Denied, NotFound

LAST = "a second factor is required of you, and this is your last: add another one first"


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor as its owner sees it."""

    row: TotpDevice | Passkey
    kind: str
    """``app`` or ``passkey``."""
    last_used_at: datetime | None

    @property
    def public_id(self) -> str:
        return str(self.row.public_id)

    @property
    def name(self) -> str:
        return str(self.row.name)

    @property
    def created_at(self) -> datetime:
        return self.row.created_at

    @property
    def host(self) -> str:
        """Where it works; empty for everywhere."""
        return self.row.rp_id if isinstance(self.row, Passkey) else ""

    @property
    def called(self) -> str:
        return f"the {'passkey' if self.kind == 'passkey' else 'authenticator app'} '{self.name}'"


def list_factors(user: User) -> list[Factor]:
    """The app first, then the passkeys in the order in which they were added."""
    apps = TotpDevice.objects.filter(user=user, confirmed=True)
    return [Factor(app, "app", _last_use(app)) for app in apps] + [
        Factor(passkey, "passkey", passkey.last_used_at) for passkey in Passkey.objects.filter(user=user)
    ]


def own_factor(user: User, public_id: str, *, actor: Actor) -> Factor:
    """The factor of ``user`` with this id, for its owner. Raises :class:`NotFound`."""
    found = [factor for factor in list_factors(user) if factor.public_id == public_id]
    if not found or actor.user_pk != user.pk:
        raise NotFound("there is no such second factor")
    return found[0]


@transaction.atomic
def rename_factor(user: User, public_id: str, name: str, *, actor: Actor) -> Factor:
    """Call a factor something that its owner knows it by."""
    _require_own(actor)
    factor = own_factor(user, public_id, actor=actor)
    before, factor.row.name = factor.called, clean_name(name)
    factor.row.save(update_fields=["name"])
    text = f"{user.email} renamed {before} to '{factor.name}'"
    record(actor, Action.MFA_UPDATE, ("user", user.public_id), text, metadata={"factor": public_id})
    return factor


@transaction.atomic
def remove_factor(user: User, public_id: str, *, actor: Actor) -> None:
    """Take one's own factor away. Sessions and tokens that had passed it end at once, and the recovery codes go with
    the last. Raises :class:`Conflict` for the last one of somebody who must have one."""
    _require_own(actor)
    lock_factors(user)
    factor = own_factor(user, public_id, actor=actor)
    require_recent(actor)
    is_last = len(list_factors(user)) == 1
    if is_last and mfa_required_of(user):
        raise Conflict(LAST)
    factor.row.delete()
    if is_last:
        RecoveryCodes.objects.filter(user=user).delete()
    text = f"{user.email} removed {factor.called}"
    metadata = {"factor": factor.kind, "id": public_id, "last": is_last}
    record(actor, Action.MFA_DISABLE, ("user", user.public_id), text, metadata=metadata)
    tell(user, Text.FACTOR_REMOVED, actor=actor, factor="an authenticator app" if factor.kind == "app" else "a passkey")
    end_others(user, "a second factor was removed", actor=actor)
    end_sessions_of(user, but=actor.credential.id, reason="a second factor was removed", actor=actor)


@transaction.atomic
def reset_factors(user: User, *, actor: Actor) -> int:
    """Take all factors of someone who lost them away; how many there were. Where the policy asks for one, the next
    sign-in enrols another; sessions and tokens that had passed these end at once."""
    require(actor, Permission.USERS_UPDATE)
    require_person(actor)
    lock_factors(user)
    factors = list_factors(user)
    if not factors:
        raise NotFound(f"{user.email} has no second factor")
    TotpDevice.objects.filter(user=user).delete()
    Passkey.objects.filter(user=user).delete()
    RecoveryCodes.objects.filter(user=user).delete()
    called = ", ".join(factor.called for factor in factors)
    text = f"took away the second factors of {user.email}: {called}"
    record(actor, Action.MFA_DISABLE, ("user", user.public_id), text, metadata={"removed": len(factors), "reset": True})
    tell(user, Text.FACTOR_REMOVED, actor=actor, factor="all of them, by an administrator")
    end_others(user, "the second factors were reset", actor=actor)
    end_sessions_of(user, but=actor.credential.id, reason="a second factor was removed", actor=actor)
    return len(factors)


def _require_own(actor: Actor) -> None:
    if actor.credential.kind not in ASKED:
        raise Denied("no program changes anybody's second factor", actor=actor)


def _last_use(app: TotpDevice) -> datetime | None:
    """To the half minute: the time step of the last code."""
    return datetime.fromtimestamp(app.last_step * STEP, UTC) if app.last_step > 0 else None
