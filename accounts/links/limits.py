"""How much mail people have us send to addresses of their choice. The services count, so that pages, API and commands
share each limit; what strangers ask for is bounded by network, where it is asked for and in :mod:`.sending`."""

from __future__ import annotations

from accounts.errors import TooManyAttempts, TooMuchMail
from accounts.throttling import throttle
from temps.lib.actor import Actor, ActorKind

INVITATIONS = "60/h"
"""Of one person, those that are sent again among them."""
RESETS = "60/h"
"""Of one person, for others."""
EMAIL_CHANGES = "10/h"
"""Of one person."""
TO_ONE_ADDRESS = "10/h"
"""Of one kind, from everybody. Each kind has its own count: whoever may only change their own address must not keep
somebody from a new password."""


def count_invitation(email: str, *, actor: Actor) -> None:
    """Raises :class:`TooMuchMail`."""
    _count("links.invite", INVITATIONS, email, actor)


def count_email_change(new_email: str, *, actor: Actor) -> None:
    """Raises :class:`TooMuchMail`, for an address that is somebody's as for any other."""
    _count("links.email-change", EMAIL_CHANGES, new_email, actor)


def count_reset(email: str, *, actor: Actor) -> None:
    """Raises :class:`TooMuchMail`."""
    _count("links.reset", RESETS, email, actor)


def _count(group: str, rate: str, email: str, actor: Actor) -> None:
    try:
        if actor.kind is not ActorKind.OPERATOR:  # who invites a whole company, and sends mail without us too
            throttle(group, actor.id, rate)
        throttle(f"{group}.to", email, TO_ONE_ADDRESS)
    except TooManyAttempts as error:
        raise TooMuchMail(error.wait) from None
