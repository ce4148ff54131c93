"""Who must have a second factor, and whether a sign-in satisfies that.

One question, asked of sessions, tokens and API keys alike on every request: a user who becomes an administrator, or
whose second factor is taken away, is stopped at once and not at the next sign-in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.browser_sessions.models import BrowserSession
from accounts.mfa.models import Passkey, RecoveryCodes
from accounts.models import MfaRequirement, SignInPolicy, TotpDevice, User, UserKind
from accounts.policy_values import cleaned, told
from audit.actions import Action
from audit.services import record
from rbac.models import Grant
from rbac.permissions import Permission, PlatformRole
from rbac.services import require
from rbac.step_up import require_person
from temps.lib import clock
from temps.lib.actor import Actor


def current_policy() -> SignInPolicy:
    """The policy in force."""
    return SignInPolicy.objects.filter(pk=SignInPolicy.ONLY).first() or SignInPolicy()


def mfa_required_of(user: User) -> bool:
    """Whether the policy demands a second factor of ``user``."""
    if user.kind != UserKind.PERSON:
        return False
    requirement = current_policy().require_mfa
    if requirement == MfaRequirement.ADMINS:
        return Grant.objects.filter(user=user, project=None, role=PlatformRole.ADMIN.value).exists()
    return requirement == MfaRequirement.EVERYONE


def factor_of(user: User) -> TotpDevice | Passkey | None:
    """A second factor that ``user`` has enrolled, the authenticator app before passkeys."""
    app: TotpDevice | None = TotpDevice.objects.filter(user=user, confirmed=True).first()
    return app or Passkey.objects.filter(user=user).first()


def has_second_factor(user: User) -> bool:
    """Whether :func:`factor_of` would find one; for lists of users, whose factors were fetched with them."""
    return any(device.confirmed for device in user.totp_devices.all()) or bool(user.passkeys.all())


def factors_of(user: User) -> frozenset[str]:
    """The public ids of all that ``user`` can show: the app, passkeys, and the recovery codes as one set."""
    apps = TotpDevice.objects.filter(user=user, confirmed=True).order_by().values_list("public_id", flat=True)
    passkeys = Passkey.objects.filter(user=user).order_by().values_list("public_id", flat=True)
    codes = RecoveryCodes.objects.filter(user=user).order_by().values_list("public_id", flat=True)
    return frozenset(apps.union(passkeys, codes, all=True))


def satisfied(user: User, passed: str) -> bool:
    """Whether a sign-in is complete, in which the second factor with the id ``passed`` (empty for none) was shown.

    Whoever has a factor must have passed one, also where the policy would not demand it; and one that they still have.
    """
    factors = factors_of(user)
    return passed in factors if factors else not mfa_required_of(user)


def set_require_mfa(requirement: str, *, actor: Actor) -> SignInPolicy:
    """Say of whom a second factor is required: ``off``, ``admins`` or ``everyone``."""
    return change_policy({"require_mfa": requirement}, actor=actor)


@transaction.atomic
def change_policy(changes: Mapping[str, Any], *, actor: Actor) -> SignInPolicy:
    """Change what signing in demands: the fields of :class:`SignInPolicy` by name, all of them or none.

    A tighter limit on sessions holds at once, for those that are open too; a looser one for those that follow. Raises
    :class:`Invalid` with the field.
    """
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    wanted = {name: cleaned(name, value) for name, value in changes.items()}
    SignInPolicy.objects.select_for_update().filter(pk=SignInPolicy.ONLY).first()
    before, now = current_policy(), clock.now()
    changed = {name: value for name, value in wanted.items() if value != getattr(before, name)}
    if not changed:
        return before
    BrowserSession.objects.over(before, now).delete()  # or a looser limit would bring them back
    policy, _created = SignInPolicy.objects.update_or_create(pk=SignInPolicy.ONLY, defaults=changed)
    for name, value in changed.items():
        metadata = {name: value, "before": getattr(before, name)}
        record(actor, Action.SETTINGS_UPDATE, ("policy", "sign-in"), told(name, policy), metadata=metadata)
    return policy
