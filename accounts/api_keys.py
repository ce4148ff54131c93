"""API keys: made, checked on every request, revoked.

A key has at most its owner's rights: those of its scopes that the owner holds now. Its secret is stored as an Argon2id
hash; a secret with 178 random bits needs no slow one, so the parameters are small.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_address
from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from django.conf import settings
from django.db import transaction

from accounts.errors import EnrolmentRequired
from accounts.key_format import PresentedKey, new_key, read_key
from accounts.key_use import note_refusal, note_use
from accounts.models import ApiKey, User, UserKind
from accounts.policy import factor_of, mfa_required_of
from accounts.scopes import DEFAULT_PRESET, parse_scopes
from accounts.services import actor_for, create_user
from audit.actions import Action
from audit.services import record
from rbac.models import Grant
from rbac.permissions import Permission, PlatformRole
from rbac.services import allowed, permissions_of_role, require
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.client_ip import parse_networks
from temps.lib.errors import Denied, Invalid, NotFound, TempsError, Unauthenticated

OPERATOR_IDENTITY = "operator@service.invalid"
"""The service account that owns keys made on the machine for nobody in particular (RFC 2606: never a mailbox)."""
MAX_NETWORKS = 50
CACHED_VERDICTS = 4096

_hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


@transaction.atomic
def create_api_key(
    name: str,
    *,
    actor: Actor,
    owner: User,
    scopes: str | Iterable[str] = DEFAULT_PRESET,
    expires_in: timedelta | None = None,
    allowed_networks: Iterable[str] = (),
) -> tuple[ApiKey, str]:
    """Make a key for ``owner``; the key itself is in the answer, and nowhere else afterwards.

    Everyone makes keys for themselves; a key for someone else needs ``api_keys:create``, and a key never makes another.
    Whoever makes one needs every right that it would have, with the credential that they come with.
    """
    permissions = parse_scopes(scopes)
    if actor.user_pk != owner.pk or actor.credential.kind is CredentialKind.API_KEY:
        require(actor, Permission.API_KEYS_CREATE)
    _refuse_more_than_held(owner, permissions, actor)
    if not owner.is_active:
        raise Invalid(f"{owner.email} is disabled", field="owner")
    name = name.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise Invalid("a key needs a name of 1 to 120 printable characters", field="name")
    made = new_key()
    key = ApiKey.objects.create(
        owner=owner,
        name=name,
        prefix=made.public,
        secret_hash=_hasher.hash(made.secret),
        scopes=permissions,
        allowed_networks=clean_networks(allowed_networks),
        expires_at=clock.now() + expires_in if expires_in else None,
        created_by=actor.label,
    )
    record(
        actor,
        Action.API_KEY_CREATE,
        key,
        f"made the API key '{key.name}' of {owner.email}",
        metadata={"prefix": key.prefix, "scopes": permissions, "expires": key.expires_at and clock.iso(key.expires_at)},
    )
    return key, made.token


@transaction.atomic
def revoke_api_key(key: ApiKey, *, actor: Actor) -> ApiKey:
    """End a key, from the next request on in every process. One's own always; others need ``api_keys:delete``."""
    own = actor.user_pk == key.owner_id and actor.credential.kind is not CredentialKind.API_KEY
    if not own:
        require(actor, Permission.API_KEYS_DELETE)
    current = ApiKey.objects.select_for_update().get(pk=key.pk)
    if current.revoked_at is None:
        current.revoked_at = clock.now()
        current.save(update_fields=["revoked_at"])
        record(actor, Action.API_KEY_REVOKE, current, f"revoked the API key '{key.name}' of {key.owner.email}")
    return current


def key_by_id(identity: str, *, actor: Actor) -> ApiKey:
    """The key with this id (``key_…``) or public part, if ``actor`` may see it. Raises :class:`NotFound`."""
    identity = identity.strip()
    visible = ApiKey.objects.visible_to(actor).select_related("owner")
    key = visible.filter(public_id=identity).first() or visible.filter(prefix=identity.removeprefix("tmp_")).first()
    if key is None:
        # Not repeated: whoever pastes the whole key here must not find it in a log.
        raise NotFound("there is no such API key: temps api-key list shows their ids")
    return key


def authenticate_key(presented: str, *, address: str | None, user_agent: str = "", request_id: str = "") -> Actor:
    """The actor who comes with the key ``presented``. Raises :class:`Unauthenticated`, in the same words for a key that
    never was and for one that is wrong; one that is right learns why it is refused all the same."""
    parts = read_key(presented)
    key = ApiKey.objects.select_related("owner").filter(prefix=parts.public).first() if parts else None
    if parts is None or key is None or not _is_its_secret(key, parts):
        raise Unauthenticated("this API key is not valid")
    credential = Credential(CredentialKind.API_KEY, id=key.public_id, scopes=frozenset(key.scopes))
    actor = actor_for(key.owner, credential, address=address, user_agent=user_agent, request_id=request_id)
    refusal = _refusal_of(key, address)
    if refusal is not None:
        note_refusal(key, refusal.message, actor=actor)
        raise refusal
    note_use(key, actor=actor)
    return actor


@transaction.atomic
def operator_identity(*, actor: Actor) -> User:
    """The service account of this machine's operator, made on first use."""
    # A person under this address would get the keys of the operator: then it is a conflict, and no key is made.
    user = User.objects.filter(email=OPERATOR_IDENTITY, kind=UserKind.SERVICE).first()
    if user is not None:
        return user
    role = PlatformRole.ADMIN.value
    return create_user(OPERATOR_IDENTITY, name="Operator", kind=UserKind.SERVICE, role=role, actor=actor)


def clean_networks(networks: Iterable[str]) -> list[str]:
    """``networks`` in canonical CIDR form. Raises :class:`Invalid` naming the one that is none."""
    cleaned = []
    for text in networks:
        try:
            cleaned += [str(network) for network in parse_networks([text])]
        except ValueError:
            raise Invalid(
                f"'{text}' is not a network: write 192.0.2.0/24 or 2001:db8::/32", field="allowed_networks"
            ) from None
    if len(cleaned) > MAX_NETWORKS:
        raise Invalid(f"a key has at most {MAX_NETWORKS} networks", field="allowed_networks")
    return cleaned


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


def _refuse_more_than_held(owner: User, permissions: list[str], actor: Actor) -> None:
    """Raise :class:`Denied` if the key would let ``actor`` act, through ``owner``, beyond what they hold themselves."""
    for grant in Grant.objects.filter(user=owner).select_related("project", "environment"):
        for permission in sorted(permissions_of_role(grant.role, on_project=grant.project is not None)):
            if permission.value in permissions and not allowed(actor, permission, grant.project, grant.environment):
                raise Denied(
                    f"nobody makes a key with more rights than they hold: {owner.email} has {permission}",
                    actor=actor,
                    permission=permission.value,
                )


# Verdicts on secrets are kept in the process, since a program sends the same key with every request. The row is read
# each time all the same, so revocation, expiry and a disabled owner hold at once; the stored hash is part of the slot,
# so a new secret is judged anew. The slot holds a keyed hash and no key. Refusals are not kept, or strangers could fill
# the room.

_verdicts: OrderedDict[tuple[bytes, str], None] = OrderedDict()
_lock = Lock()


def _is_its_secret(key: ApiKey, presented: PresentedKey) -> bool:
    digest = hmac.new(settings.SECRET_KEY.encode(), presented.token.encode("ascii"), sha256).digest()
    slot = (digest, key.secret_hash)
    with _lock:
        if slot in _verdicts:
            _verdicts.move_to_end(slot)
            return True
    try:
        _hasher.verify(key.secret_hash, presented.secret)
    except (VerificationError, InvalidHashError):
        return False
    with _lock:
        _verdicts[slot] = None
        while len(_verdicts) > CACHED_VERDICTS:
            _verdicts.popitem(last=False)
    return True
