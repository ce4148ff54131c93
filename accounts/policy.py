"""Who must have a second factor, and whether a sign-in satisfies that.

One question, asked of sessions, tokens and API keys alike on every request: a user who becomes an administrator, or
whose second factor is taken away, is stopped at once and not at the next sign-in.
"""

from __future__ import annotations

from django.db import transaction

from accounts.models import MfaRequirement, SignInPolicy, TotpDevice, User, UserKind
from audit.actions import Action
from audit.services import record
from rbac.models import Grant
from rbac.permissions import Permission, PlatformRole
from rbac.services import require
from temps.lib.actor import Actor
from temps.lib.errors import Invalid


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


def factor_of(user: User) -> TotpDevice | None:
    """The second factor that ``user`` has enrolled."""
    found: TotpDevice | None = TotpDevice.objects.filter(user=user, confirmed=True).first()
    return found


def satisfied(user: User, passed: str) -> bool:
    """Whether a sign-in is complete, in which the second factor with the id ``passed`` (empty for none) was shown.

    A factor that is enrolled must have been passed, also where the policy would not demand one.
    """
    factor = factor_of(user)
    if factor is not None:
        return factor.public_id == passed
    return not mfa_required_of(user)


@transaction.atomic
def set_require_mfa(requirement: str, *, actor: Actor) -> SignInPolicy:
    """Say of whom a second factor is required: ``off``, ``admins`` or ``everyone``."""
    require(actor, Permission.SETTINGS_WRITE)
    if requirement not in MfaRequirement.values:
        raise Invalid(
            f"'{requirement}' is no such policy: it is one of {', '.join(MfaRequirement.values)}", field="require_mfa"
        )
    before = current_policy().require_mfa
    policy, _created = SignInPolicy.objects.update_or_create(
        pk=SignInPolicy.ONLY, defaults={"require_mfa": requirement}
    )
    record(
        actor,
        Action.SETTINGS_UPDATE,
        ("policy", "sign-in"),
        f"a second factor is required of: {policy.get_require_mfa_display()}",
        metadata={"require_mfa": requirement, "before": before},
    )
    return policy
