"""Who comes with an API key: asked on every request, of the row as it is now."""

from __future__ import annotations

from ipaddress import ip_address

from accounts.errors import EnrolmentRequired
from accounts.key_format import read_key
from accounts.key_secrets import secret_shown
from accounts.key_use import note_refusal, note_use
from accounts.models import ApiKey
from accounts.policy import factor_of, mfa_required_of
from accounts.services import actor_for
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.client_ip import parse_networks
from temps.lib.errors import TempsError, Unauthenticated


def authenticate_key(presented: str, *, address: str | None, user_agent: str = "", request_id: str = "") -> Actor:
    """The actor who comes with the key ``presented``. Raises :class:`Unauthenticated`, in the same words for a key that
    never was and for one that is wrong; one that is right learns why it is refused all the same.

    What is mistyped costs nothing but its checksum, and an unknown public part one look-up by its index. That a known
    one costs a hash more can be timed, and helps nobody: a public part has 59 random bits and is no secret.
    """
    parts = read_key(presented)
    key = ApiKey.objects.select_related("owner").filter(prefix=parts.public).first() if parts else None
    secret = secret_shown(key, parts, address) if parts and key else None
    if key is None or secret is None:
        raise Unauthenticated("this API key is not valid")
    credential = Credential(CredentialKind.API_KEY, id=key.public_id, scopes=frozenset(key.scopes))
    actor = actor_for(key.owner, credential, address=address, user_agent=user_agent, request_id=request_id)
    refusal = _refusal_of(key, address)
    if refusal is not None:
        note_refusal(key, refusal.message, actor=actor)
        raise refusal
    note_use(key, secret, actor=actor)
    return actor


def _refusal_of(key: ApiKey, address: str | None) -> TempsError | None:
    """Why a key whose secret is right is refused now; None if it is not."""
    status = key.status_at(clock.now())
    if status != "active":
        return Unauthenticated(f"this API key is {status}")
    if not key.owner.is_active:
        return Unauthenticated("the owner of this API key is disabled")
    if key.allowed_networks and not _within(address, key.allowed_networks):
        return Unauthenticated("this API key is not for use from this address")
    if mfa_required_of(key.owner) and factor_of(key.owner) is None:
        return EnrolmentRequired("the owner of this API key must enrol a second factor first")
    return None


def _within(address: str | None, networks: list[str]) -> bool:
    if address is None:
        return False
    here = ip_address(address)
    return any(here.version == network.version and here in network for network in parse_networks(networks))
