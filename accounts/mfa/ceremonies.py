"""Passkeys in a request: for the site that the browser sees, with a challenge of the visitor's session."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.mfa.challenges import Purpose, issue_challenge, spend_challenge
from accounts.mfa.models import Passkey
from accounts.mfa.passkeys import accept_passkey, creation_options, register_passkey, request_options
from accounts.mfa.relying_party import relying_party
from accounts.models import User
from temps.lib.actor import Actor


def begin_passkey(request: HttpRequest, purpose: Purpose, user: User | None = None) -> dict[str, Any]:
    """What the browser needs to be asked for a passkey, or to make one; as JSON has it."""
    party = relying_party(request)
    challenge = issue_challenge(request.session, purpose, user)
    if purpose is Purpose.ADD and user is not None:
        return creation_options(user, challenge, party)
    return request_options(challenge, party, user)


def add_passkey(request: HttpRequest, user: User, response: str, name: str, *, actor: Actor) -> Passkey:
    """Enrol what the browser made. Raises as :func:`accounts.mfa.passkeys.register_passkey`."""
    party, challenge = relying_party(request), spend_challenge(request.session, Purpose.ADD, user)
    return register_passkey(user, response, name, challenge=challenge, party=party, actor=actor)


def verify_passkey(
    request: HttpRequest, user: User | None, response: str, *, actor: Actor, purpose: Purpose = Purpose.CONFIRM
) -> Passkey:
    """The passkey of ``user`` (of anybody, for None) with which the browser answered. Raises
    :class:`~accounts.mfa.errors.PasskeyRefused`, and :class:`~temps.lib.errors.Invalid` where there are none."""
    party, challenge = relying_party(request), spend_challenge(request.session, purpose, user)
    return accept_passkey(response, challenge=challenge, party=party, user=user, actor=actor)
