"""API keys that were guessed, found, kept too long, or sent where they do not belong."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import key_secrets
from accounts.api_keys import create_api_key, key_by_id, revoke_api_key
from accounts.errors import TooManyAttempts
from accounts.key_authentication import authenticate_key
from accounts.key_change import change_api_key
from accounts.key_format import CHECKSUM_LENGTH, PresentedKey, new_key, new_secret_of
from accounts.key_rotation import rotate_api_key
from accounts.models import ApiKey, User
from rbac.services import remove_role
from temps.lib import clock
from temps.lib.errors import Unauthenticated
from tests.accounts.test_tokens import obtain
from tests.world import World, acting, enrol

pytestmark = pytest.mark.promise("A-08", "A-09")

HERE = "192.0.2.10"
ME, PROJECTS = "/api/v1/users/me/", "/api/v1/projects/"


def made(user: User, **more: Any) -> tuple[ApiKey, str]:
    return create_api_key("CI", actor=acting(user), owner=user, **more)


def status(token: str, path: str = PROJECTS, **headers: str) -> int:
    return Client().get(path, headers={"authorization": f"Bearer {token}", **headers}).status_code


def guess(token: str, address: str = HERE) -> str:
    try:
        return authenticate_key(token, address=address).id
    except (Unauthenticated, TooManyAttempts) as error:
        return type(error).__name__


def test_ten_thousand_random_keys_are_refused_without_a_look_at_the_database(db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        for _ in range(10_000):
            body = new_key().token[:-CHECKSUM_LENGTH]
            wrong = body + "".join(secrets.choice("01ab") for _ in range(CHECKSUM_LENGTH))
            assert guess(wrong) == "Unauthenticated"
    assert len(queries) == 0


def test_a_random_key_with_the_right_checksum_costs_one_look_up_and_no_hash(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(world.owner)
    monkeypatch.setattr(key_secrets, "_hasher", None)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(500):
            assert guess(new_key().token) == "Unauthenticated"
    assert len(queries) == 500
    assert all("prefix" in query["sql"] for query in queries)


@pytest.mark.usefixtures("still_clock")
def test_wrong_secrets_of_a_known_key_are_not_hashed_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key, token = made(world.owner)
    assert guess(token) == world.owner.public_id
    hasher = Mock(wraps=key_secrets._hasher)
    monkeypatch.setattr(key_secrets, "_hasher", hasher)
    told = [guess(new_secret_of(key.prefix).token) for _ in range(key_secrets.WRONG_SECRETS + 5)]
    assert told == ["Unauthenticated"] * key_secrets.WRONG_SECRETS + ["TooManyAttempts"] * 5
    assert hasher.verify.call_count == key_secrets.WRONG_SECRETS
    assert guess(token) == world.owner.public_id, "a program beside the guesser goes on"
    assert guess(new_secret_of(key.prefix).token, "198.51.100.1") == "Unauthenticated", "another network is another"


@pytest.mark.usefixtures("still_clock")
def test_whoever_guesses_too_much_is_told_to_wait(world: World) -> None:
    key, _token = made(world.owner)
    for _ in range(key_secrets.WRONG_SECRETS):
        status(new_secret_of(key.prefix).token)
    answer = Client().get(PROJECTS, headers={"authorization": f"Bearer {new_secret_of(key.prefix).token}"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    cache.clear()  # as a minute later
    assert status(new_secret_of(key.prefix).token) == 401


@pytest.mark.parametrize(
    "what", ["revoked", "expired", "rotated", "owner disabled", "owner must enrol", "another network"]
)
def test_a_key_is_refused_from_the_next_request_on(world: World, what: str) -> None:
    key, token = made(world.owner, expires_in=timedelta(days=1))
    assert status(token) == 200  # its verdict is remembered from now on
    later = timedelta()
    if what == "revoked":
        revoke_api_key(key, actor=acting(world.owner))
    elif what == "expired":
        later = timedelta(days=1)
    elif what == "rotated":
        rotate_api_key(key, actor=acting(world.owner), grace=timedelta())
    elif what == "owner disabled":
        User.objects.filter(pk=world.owner.pk).update(is_active=False)
    elif what == "owner must enrol":
        world.owner.grants.create(role="admin", created_by="test")
    else:
        change_api_key(key, actor=acting(world.owner), allowed_networks=["203.0.113.0/24"])
    with time_machine.travel(clock.now() + later):
        assert status(token) == 401


def test_a_demoted_owner_s_key_can_do_what_they_can(world: World) -> None:
    _key, token = made(world.owner, scopes="admin")
    path = f"/api/v1/projects/{world.project.slug}/"
    assert status(token, path) == 200
    remove_role(_second_owner(world), actor=world.operator)
    assert status(token, path) in (403, 404)


def _second_owner(world: World) -> Any:
    """The grant of the owner, who may go since there is another one now."""
    world.member.grants.update(role="owner")
    return world.owner.grants.get()


def test_a_narrowed_scope_is_lost_at_once(world: World) -> None:
    key, token = made(world.owner, scopes="projects:read,secrets:read")
    path = f"/api/v1/projects/{world.project.slug}/variables/"
    assert status(token, path) == 200
    change_api_key(key, actor=acting(world.owner), scopes="projects:read")
    assert status(token, path) == 403


def test_an_old_secret_is_worth_no_more_than_the_new_one(world: World) -> None:
    key, old = made(world.owner, scopes="projects:read,secrets:read")
    rotate_api_key(key, actor=acting(world.owner))
    change_api_key(key, actor=acting(world.owner), scopes="projects:read")
    assert status(old, f"/api/v1/projects/{world.project.slug}/variables/") == 403


@pytest.mark.parametrize("name", ["key", "api_key", "apikey", "token", "access_token", "X-API-Key", "authorization"])
def test_a_key_in_the_address_or_the_body_is_not_read(world: World, name: str) -> None:
    _key, token = made(world.owner)
    assert Client().get(f"{PROJECTS}?{name}={token}").status_code == 401
    assert Client().get(f"{PROJECTS}?{name}=Bearer+{token}").status_code == 401
    assert Client().post(PROJECTS, {name: token}).status_code == 401


def test_a_key_in_a_cookie_or_as_a_basic_password_is_not_read(world: World) -> None:
    _key, token = made(world.owner)
    client = Client()
    client.cookies["temps_session"] = client.cookies["X-API-Key"] = token
    assert client.get(PROJECTS).status_code == 401
    for header in (f"Basic {token}", token, f"Token {token}", f"Bearer: {token}", "Bearer", "Bearer "):
        assert Client().get(PROJECTS, headers={"authorization": header}).status_code == 401


def test_two_credentials_are_refused_and_none_is_chosen(world: World) -> None:
    _key, token = made(world.owner)
    _other, another = made(world.viewer)
    access = obtain(world.member).json()["access"]
    assert status(token, **{"x-api-key": another}) == 401
    assert status(token, **{"x-api-key": token}) == 401
    assert status(access, **{"x-api-key": token}) == 401


@pytest.mark.parametrize("joined", ["{0},{1}", "{0}, {1}", "{0} {1}", "{0},Bearer {1}", "{0};{1}", "{0}\t{1}"])
def test_headers_that_a_server_joined_are_no_credential(world: World, joined: str) -> None:
    """What WSGI servers make of a header that was sent twice (RFC 9110 section 5.2)."""
    _key, token = made(world.owner)
    _other, another = made(world.viewer)
    assert status(joined.format(token, another)) == 401
    assert Client().get(PROJECTS, headers={"x-api-key": joined.format(token, another)}).status_code == 401


def test_a_session_does_not_lend_its_rights_to_a_key(signed_in: Callable[[User], Client], world: World) -> None:
    _key, token = made(world.viewer, scopes="projects:read")
    client = signed_in(world.admin)
    path = "/api/v1/users/"
    assert client.get(path).status_code == 200
    assert client.get(path, headers={"x-api-key": token}).status_code == 403
    assert client.get(path, headers={"x-api-key": new_key().token}).status_code == 401


@pytest.mark.parametrize("tail", ["\n", " x", "\u00e9", "\x00", "%00"])
def test_what_comes_after_a_key_makes_it_none(world: World, tail: str) -> None:
    _key, token = made(world.owner)
    with pytest.raises(Unauthenticated):
        authenticate_key(token + tail, address=HERE)


def test_keys_of_different_owners_do_not_mix(world: World) -> None:
    mine, _token = made(world.owner)
    _other, token = made(world.viewer)
    secret = token.split("_")[2][:-CHECKSUM_LENGTH]
    assert status(PresentedKey(mine.prefix, secret).token) == 401


def test_a_key_s_secret_is_nowhere_but_in_the_answer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    enrol(world.admin)
    key, token = made(world.admin, scopes="admin")
    secret = token.split("_")[2]
    for path in ("/api/v1/api-keys/", f"/api/v1/api-keys/{key.public_id}/", "/api/v1/audit/events/"):
        answer = Client().get(path, headers={"authorization": f"Bearer {token}"})
        assert secret not in answer.content.decode()
        assert "argon2" not in answer.content.decode()
    status(token[:-1] + "_", ME)
    assert secret[:20] not in caplog.text
    assert secret not in str(vars(key_by_id(key.public_id, actor=world.operator)))
