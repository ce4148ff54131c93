"""What a provider says of somebody's groups, and the roles that come of it (``accounts.group_roles``)."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.group_roles.services import apply_groups, groups_speak
from accounts.models import User
from accounts.providers.models import IdentityProvider
from temps.lib.actor import Actor


def follow_groups(user: User, provider: IdentityProvider, groups: Iterable[str], *, actor: Actor) -> None:
    """Give ``user``, who comes as ``actor``, the roles of these groups, and take those of groups that they left."""
    apply_groups(user, source=provider.group_source, groups=groups, actor=groups_speak(actor))


def forget_groups(user: User, provider: IdentityProvider, *, actor: Actor) -> None:
    """Take the roles that the provider's groups gave: nobody will hear of it when they are left."""
    follow_groups(user, provider, (), actor=actor)
