"""What a provider says of somebody's groups, and the roles that come of it (``accounts.group_roles``).

A provider speaks when somebody signs in with it, and never again: that they left a group is not told. So its word holds
for the sign-in that it was given at. Whoever signs in by another way has proven none of it, and whoever does not sign
in at all, but has a token or a key, loses it after :data:`HOLDS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from accounts.group_roles.services import apply_groups, groups_speak
from accounts.models import User
from accounts.providers.models import GROUP_SOURCE, IdentityProvider
from rbac.models import Grant
from rbac.sourced import set_sourced_roles
from temps.lib import clock
from temps.lib.actor import Actor

HOLDS = timedelta(days=7)
"""How long the roles last without a new sign-in with the provider."""


def follow_groups(user: User, provider: IdentityProvider, groups: Iterable[str], *, actor: Actor) -> None:
    """Give ``user``, who comes as ``actor``, the roles of these groups, and take those of groups that they left."""
    ends_at = clock.now() + HOLDS
    apply_groups(user, source=provider.group_source, groups=groups, actor=groups_speak(actor), ends_at=ends_at)


def forget_groups(user: User, provider: IdentityProvider, *, actor: Actor) -> None:
    """Take the roles that the provider's groups gave: nobody will hear of it when they are left."""
    follow_groups(user, provider, (), actor=actor)


def forget_all_groups(provider: IdentityProvider, *, actor: Actor) -> None:
    """Take from everybody what the provider's groups gave, because it is not asked about them any more."""
    for user in User.objects.filter(grants__source=provider.group_source).distinct():
        forget_groups(user, provider, actor=actor)


def forget_unproven(user: User, *, proven_by: str, actor: Actor) -> None:
    """Take what the groups of providers gave to ``user``, who signs in now, save for the source ``proven_by``."""
    given = Grant.objects.filter(user=user, source__startswith=f"{GROUP_SOURCE}:").exclude(source=proven_by)
    for source in sorted(set(given.values_list("source", flat=True))):
        set_sourced_roles(user, {}, source=source, actor=groups_speak(actor))
