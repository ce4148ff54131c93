from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import api_keys, key_secrets
from accounts.api_keys import OPERATOR_IDENTITY, create_api_key, key_by_id, operator_identity, revoke_api_key
from accounts.errors import EnrolmentRequired
from accounts.key_authentication import authenticate_key
from accounts.key_format import new_key
from accounts.models import ApiKey, User
from accounts.services import create_user, set_active
from rbac.permissions import Permission
from rbac.services import allowed, assign_role, remove_role
from temps.lib import clock
from temps.lib.actor import Actor, ActorKind, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, NotFound, Unauthenticated, Unavailable
from tests.accounts.events import entries
from tests.world import World, acting, enrol

pytestmark = pytest.mark.promise("A-08")

HERE = "192.0.2.10"
PROJECTS = "/api/v1/projects/"


def made_for(user: User, scopes: str = "read-only", **more: Any) -> tuple[ApiKey, str]:
    return create_api_key("CI", actor=acting(user), owner=user, scopes=scopes, **more)


def come(token: str, address: str = HERE) -> Actor:
    return authenticate_key(token, address=address)


def status(token: str, path: str = PROJECTS) -> int:
    return Client().get(path, headers={"authorization": f"Bearer {token}"}).status_code


def test_a_key_speaks_for_its_owner_within_its_scopes(world: World) -> None:
    key, token = made_for(world.owner, "projects:read")
    actor = come(token)
    assert (actor.kind, actor.id, actor.address) == (ActorKind.USER, world.owner.public_id, HERE)
    assert actor.credential == Credential(CredentialKind.API_KEY, key.public_id, frozenset({"projects:read"}))
    assert allowed(actor, Permission.PROJECTS_READ, world.project)
    assert not allowed(actor, Permission.PROJECTS_DELETE, world.project)


def test_a_scope_that_the_owner_does_not_hold_gives_nothing(world: World) -> None:
    _key, token = made_for(world.viewer, "admin")
    assert not allowed(come(token), Permission.PROJECTS_DELETE, world.project)
    assert not allowed(come(token), Permission.PROJECTS_READ, world.other)


def test_the_rights_are_those_that_the_owner_holds_now(world: World) -> None:
    _key, token = made_for(world.member, "read-only")
    assert allowed(come(token), Permission.PROJECTS_READ, world.project)
    remove_role(world.member.grants.get(), actor=world.operator)
    assert not allowed(come(token), Permission.PROJECTS_READ, world.project)


def test_the_secret_is_stored_as_an_argon2id_hash_and_nowhere_else(world: World) -> None:
    key, token = made_for(world.owner)
    secret = token.rpartition("_")[2]
    assert key.secret_hash.startswith("$argon2id$")
    assert secret[:30] not in str(ApiKey.objects.values()) + str(entries("API_KEY_CREATE"))


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer {}", "Bearer   {}"])
def test_both_headers_are_read(world: World, scheme: str) -> None:
    _key, token = made_for(world.owner)
    assert Client().get(PROJECTS, headers={"authorization": scheme.format(token)}).status_code == 200
    assert Client().get(PROJECTS, headers={"x-api-key": token}).status_code == 200
    assert Client().get(PROJECTS, headers={"x-api-key": token, "authorization": "Bearer x"}).status_code == 401
    assert Client().get(f"{PROJECTS}?key={token}").status_code == 401


def test_a_mistyped_key_is_refused_without_a_look_at_the_database(world: World) -> None:
    _key, token = made_for(world.owner)
    mistyped = token[:-1] + ("a" if token[-1] != "a" else "b")
    with CaptureQueriesContext(connection) as queries, pytest.raises(Unauthenticated):
        come(mistyped)
    assert len(queries) == 0


def test_an_unknown_key_and_a_wrong_secret_get_the_same_words(world: World) -> None:
    key, _token = made_for(world.owner)
    forged = type(new_key())(key.prefix, new_key().secret).token
    said = set()
    for token in (new_key().token, forged, "tmp_nonsense"):
        with pytest.raises(Unauthenticated) as refusal:
            come(token)
        said.add(refusal.value.message)
    assert said == {"this API key is not valid"}


@pytest.mark.promise("A-09")
def test_revocation_holds_from_the_next_request(world: World) -> None:
    key, token = made_for(world.owner)
    assert status(token) == 200
    revoke_api_key(key, actor=acting(world.owner))
    assert status(token) == 401
    assert entries("API_KEY_REVOKE")[0]["resourceId"] == key.public_id


def test_a_revoked_key_is_refused_though_its_verdict_is_remembered(world: World) -> None:
    key, token = made_for(world.owner)
    come(token)
    assert len(key_secrets._verdicts) >= 1
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=clock.now())
    with pytest.raises(Unauthenticated, match="revoked"):
        come(token)


def test_a_new_secret_is_judged_anew(world: World) -> None:
    key, token = made_for(world.owner)
    come(token)
    ApiKey.objects.filter(pk=key.pk).update(secret_hash=key_secrets._hasher.hash("another"))
    with pytest.raises(Unauthenticated):
        come(token)


def test_the_second_use_costs_no_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _key, token = made_for(world.owner)
    come(token)
    monkeypatch.setattr(key_secrets, "_hasher", None)
    assert come(token).id == world.owner.public_id


def test_an_expired_key_is_refused(world: World) -> None:
    _key, token = made_for(world.owner, expires_in=timedelta(days=30))
    with time_machine.travel(clock.now() + timedelta(days=29, hours=23)):
        assert status(token) == 200
    with time_machine.travel(clock.now() + timedelta(days=30)):
        assert status(token) == 401


def test_a_disabled_owner_s_key_is_refused_at_once(world: World) -> None:
    _key, token = made_for(world.member)
    assert status(token) == 200
    set_active(world.member, False, actor=world.operator)
    assert status(token) == 401


@pytest.mark.promise("A-05")
def test_an_administrator_without_a_second_factor_has_no_use_of_keys_either(world: World) -> None:
    _key, token = made_for(world.member)
    assert status(token) == 200
    assign_role(world.member, "admin", actor=world.operator)
    with pytest.raises(EnrolmentRequired):
        come(token)
    enrol(world.member)
    assert status(token) == 200


def test_a_key_works_from_its_networks_alone(world: World) -> None:
    key, token = made_for(world.owner, allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    assert key.allowed_networks == ["192.0.2.0/24", "2001:db8::/32"]
    assert come(token, "192.0.2.200")
    assert come(token, "2001:db8:1::1")
    with pytest.raises(Unauthenticated, match="this address"):
        come(token, "198.51.100.1")


@pytest.mark.parametrize("network", ["192.0.2.1/24", "example.com", "300.0.0.0/8", ""])
def test_a_network_that_is_none_is_named_and_no_key_is_made(world: World, network: str) -> None:
    with pytest.raises(Invalid, match="is not a network"):
        made_for(world.owner, allowed_networks=[network])
    assert not ApiKey.objects.exists()


def test_the_last_use_is_kept_once_a_minute(world: World) -> None:
    key, token = made_for(world.owner)
    with time_machine.travel(clock.now(), tick=False) as time:
        come(token)
        key.refresh_from_db()
        first = key.last_used_at
        assert (first, key.last_used_ip) == (clock.now(), HERE)
        time.shift(59)
        come(token, "192.0.2.11")
        time.shift(2)
        key.refresh_from_db()
        assert key.last_used_at == first
        come(token, "192.0.2.11")
        key.refresh_from_db()
        assert (key.last_used_at, key.last_used_ip) == (clock.now(), "192.0.2.11")
    # A use from another address is told at once; the last use is still kept once a minute.
    assert [entry["ipAddress"] for entry in entries("API_KEY_USE")] == ["192.0.2.11", "192.0.2.11", HERE]


@pytest.mark.promise("L-03")
def test_a_use_from_elsewhere_that_could_not_be_recorded_is_told_the_next_time(world: World) -> None:
    _key, token = made_for(world.owner)
    come(token)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.services.append", Mock(side_effect=Unavailable("disk full")))
        with pytest.raises(Unavailable):
            come(token, "192.0.2.11")
    come(token, "192.0.2.11")
    assert [entry["ipAddress"] for entry in entries("API_KEY_USE")] == ["192.0.2.11", HERE]


@pytest.mark.promise("L-01")
def test_the_use_of_a_key_that_is_refused_is_recorded_and_not_over_and_over(world: World) -> None:
    key, token = made_for(world.owner)
    revoke_api_key(key, actor=acting(world.owner))
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            come(token)
    assert [entry["result"] for entry in entries("API_KEY_USE")] == ["failure"]


def test_a_key_never_makes_a_key(world: World) -> None:
    enrol(world.admin)
    _key, token = made_for(world.admin, "admin")
    with pytest.raises(Denied):
        create_api_key("more", actor=come(token), owner=world.admin)
    answer = Client().post("/api/v1/api-keys/", {"name": "more"}, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert ApiKey.objects.count() == 1


def test_nobody_makes_a_key_with_more_rights_than_they_hold(world: World) -> None:
    narrowed = Credential(CredentialKind.JWT, "narrowed", frozenset({"api_keys:create", "projects:read"}))
    with pytest.raises(Denied, match="more rights than they hold"):
        create_api_key("CI", actor=acting(world.admin, narrowed), owner=world.admin, scopes="admin")
    create_api_key("CI", actor=acting(world.admin, narrowed), owner=world.viewer, scopes="projects:read")
    for other in (world.owner, world.developer):
        with pytest.raises(Denied):
            create_api_key("CI", actor=acting(other), owner=world.viewer, scopes="projects:read")


def test_who_may_end_a_key(world: World) -> None:
    key, token = made_for(world.owner)
    for actor in (acting(world.member), come(token)):
        with pytest.raises(Denied):
            revoke_api_key(key, actor=actor)
    assert revoke_api_key(key, actor=acting(world.admin)).revoked_at


def test_who_sees_which_keys(world: World) -> None:
    mine, token = made_for(world.owner)
    other, _ = made_for(world.member)
    assert list(ApiKey.objects.visible_to(acting(world.owner))) == [mine]
    assert list(ApiKey.objects.visible_to(come(token))) == [mine]
    assert set(ApiKey.objects.visible_to(acting(world.admin))) == {mine, other}
    assert not ApiKey.objects.visible_to(Actor.anonymous()).exists()
    with pytest.raises(NotFound):
        key_by_id(other.public_id, actor=acting(world.owner))


def test_a_whole_key_pasted_as_an_id_is_not_repeated(world: World) -> None:
    key, token = made_for(world.owner)
    with pytest.raises(NotFound) as refusal:
        key_by_id(token, actor=world.operator)
    assert token not in refusal.value.message
    assert key_by_id(f"tmp_{key.prefix}", actor=world.operator) == key


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "a\nb"])
def test_a_key_needs_a_name(world: World, name: str) -> None:
    with pytest.raises(Invalid):
        create_api_key(name, actor=acting(world.owner), owner=world.owner)


def test_the_operator_s_keys_belong_to_a_service_that_never_signs_in(world: World) -> None:
    identity = operator_identity(actor=world.operator)
    assert operator_identity(actor=world.operator) == identity
    assert (identity.email, identity.kind, identity.has_usable_password()) == (OPERATOR_IDENTITY, "service", False)
    _key, token = create_api_key("CI", actor=world.operator, owner=identity, scopes="projects:read")
    assert come(token).kind is ActorKind.SERVICE
    assert status(token) == 200


def test_a_person_under_the_address_of_the_operators_identity_gets_none_of_its_keys(world: World) -> None:
    create_user(api_keys.OPERATOR_IDENTITY, actor=world.operator)
    with pytest.raises(Conflict):
        api_keys.operator_identity(actor=world.operator)
