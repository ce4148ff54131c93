"""API keys: made, found and revoked.

A key has at most its owner's rights: those of its scopes that the owner holds now. How one is checked on every request
is in :mod:`accounts.key_authentication`, how it gets another secret in :mod:`accounts.key_rotation`, and how its limits
change in :mod:`accounts.key_change`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction

from accounts.key_format import new_key
from accounts.key_secrets import hash_of
from accounts.models import ApiKey, User, UserKind
from accounts.scopes import DEFAULT_PRESET, parse_scopes
from accounts.services import create_user
from audit.actions import Action
from audit.services import record
from rbac.models import Grant
from rbac.permissions import Permission, PlatformRole
from rbac.services import allowed, permissions_of_role, require
from rbac.step_up import require_recent
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.client_ip import parse_networks
from temps.lib.errors import Conflict, Denied, Invalid, NotFound

OPERATOR_IDENTITY = "operator@service.invalid"
"""The service account that owns keys made on the machine for nobody in particular (RFC 2606: never a mailbox)."""
MAX_NETWORKS = 50


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
    require_maker(owner, actor)
    require_recent(actor)
    refuse_more_than_held(owner, permissions, actor)
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
        secret_hash=hash_of(made.secret),
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
    if not _is_own(key.owner, actor):
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


# What the other files of this room ask.


def require_maker(owner: User, actor: Actor) -> None:
    """Raise :class:`Denied` unless ``actor`` may make keys for ``owner``, or give out their secrets.

    No key does: whoever found one could otherwise keep what they have after it was revoked.
    """
    if not _is_own(owner, actor):
        require(actor, Permission.API_KEYS_CREATE)


def require_narrower(key: ApiKey, actor: Actor) -> None:
    """Raise :class:`Denied` unless ``actor`` may take something away from ``key``."""
    if not _is_own(key.owner, actor):
        require(actor, Permission.API_KEYS_UPDATE)


def locked(key: ApiKey) -> ApiKey:
    """The row as it is now, locked in this transaction. Raises :class:`Conflict` if the key works no more."""
    current = ApiKey.objects.select_for_update(of=("self",)).select_related("owner").get(pk=key.pk)
    status = current.status_at(clock.now())
    if status != "active":
        raise Conflict(f"the API key '{current.name}' is {status}: make a new one")
    return current


def _is_own(owner: User, actor: Actor) -> bool:
    return actor.user_pk == owner.pk and actor.credential.kind is not CredentialKind.API_KEY


def refuse_more_than_held(owner: User, permissions: list[str], actor: Actor) -> None:
    """Raise :class:`Denied` if the key would let ``actor`` act, through ``owner``, beyond what they hold themselves."""
    for grant in Grant.objects.filter(user=owner).select_related("project", "environment"):
        for permission in sorted(permissions_of_role(grant.role, on_project=grant.project is not None)):
            if permission.value in permissions and not allowed(actor, permission, grant.project, grant.environment):
                raise Denied(
                    f"nobody makes a key with more rights than they hold: {owner.email} has {permission}",
                    actor=actor,
                    permission=permission.value,
                )
