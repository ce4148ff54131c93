"""HS256 and ES256, the published keys, and their rotation."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings as configured
from django.core.management import call_command
from django.test import Client

from accounts.housekeeping import clear_expired
from accounts.models import TokenFamily, TokenKey
from accounts.token_keys import rotate_token_key, signer
from rbac.step_up import StepUpRequired
from temps.checks import tokens_can_be_signed
from temps.lib import clock
from temps.lib.errors import Conflict, Denied, SealError
from temps.lib.jwk import SigningKey
from tests.accounts.events import entries
from tests.accounts.test_tokens import ME, REFRESH, ask, obtain, status
from tests.world import World, acting, enrol

pytestmark = pytest.mark.promise("A-07")

JWKS = "/.well-known/jwks.json"


@pytest.fixture
def es256(settings: Any) -> None:
    settings.JWT_ALGORITHM = "ES256"


def published() -> list[dict[str, str]]:
    keys: list[dict[str, str]] = Client().get(JWKS).json()["keys"]
    return keys


def header(token: str) -> dict[str, Any]:
    return jwt.get_unverified_header(token)


def test_hs256_signs_with_a_key_of_its_own_and_publishes_none(world: World) -> None:
    access = obtain(world.member).json()["access"]
    assert (header(access)["alg"], header(access)["typ"], published()) == ("HS256", "at+jwt", [])
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(access, configured.SECRET_KEY, algorithms=["HS256"], audience="temps-api")


def test_a_new_secret_key_keeps_tokens_while_the_old_one_is_a_fallback(world: World, settings: Any) -> None:
    pair = obtain(world.member).json()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another secret key " * 3
    assert status(pair["access"]) == 200
    assert header(ask(REFRESH, refresh=pair["refresh"]).json()["access"])["kid"] == signer().key_id
    settings.SECRET_KEY_FALLBACKS = []
    assert status(pair["access"]) == 401


@pytest.mark.usefixtures("es256")
def test_others_verify_a_token_with_the_published_key(world: World) -> None:
    access = obtain(world.member).json()["access"]
    assert status(access) == 200
    answer = Client().get(JWKS)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/jwk-set+json", "public, max-age=300")
    key = jwt.PyJWKSet.from_json(answer.content.decode())[header(access)["kid"]]
    told = jwt.decode(access, key, algorithms=["ES256"], audience="temps-api", issuer="temps")
    assert told["sub"] == world.member.public_id
    assert {"iss", "aud", "sub", "exp", "iat", "jti", "fam", "auth_time", "amr"} == set(told)


@pytest.mark.usefixtures("es256")
def test_the_private_half_is_sealed_and_not_published(world: World) -> None:
    obtain(world.member)
    row = TokenKey.objects.get()
    with pytest.raises(SealError):
        SigningKey.from_pkcs8(bytes(row.private_key))
    assert [set(key) for key in published()] == [{"kty", "crv", "use", "alg", "kid", "x", "y"}]
    assert published() == [row.public_jwk]


@pytest.mark.usefixtures("es256")
def test_tokens_of_the_key_before_stay_good_until_they_expire(world: World) -> None:
    pair = obtain(world.member).json()
    rotate_token_key(actor=world.operator)
    assert status(pair["access"]) == 200
    fresh = ask(REFRESH, refresh=pair["refresh"]).json()["access"]
    assert header(fresh)["kid"] != header(pair["access"])["kid"]
    assert [key["kid"] for key in published()] == [header(fresh)["kid"], header(pair["access"])["kid"]]
    with time_machine.travel(clock.now() + timedelta(days=1, seconds=1)):
        clear_expired()
        assert [key["kid"] for key in published()] == [header(fresh)["kid"]]
    assert TokenKey.objects.count() == 1


@pytest.mark.usefixtures("es256")
def test_a_stolen_key_is_ended_at_once(world: World) -> None:
    pair = obtain(world.member).json()
    rotate_token_key(actor=world.operator)
    rotate_token_key(actor=world.operator, at_once=True)
    assert status(pair["access"]) == 401
    assert ask(REFRESH, refresh=pair["refresh"]).status_code == 401
    assert len(published()) == 1


@pytest.mark.usefixtures("es256")
def test_a_key_that_somebody_wrote_into_the_database_verifies_nothing(world: World) -> None:
    obtain(world.member)
    mine = SigningKey.generate()
    row = TokenKey(private_key=mine.pkcs8)
    row.public_jwk = mine.public_jwk(row.public_id)
    row.save()
    family = TokenFamily.objects.get()
    now = int(clock.now().timestamp())
    body = {"iss": "temps", "aud": "temps-api", "sub": world.member.public_id, "fam": family.public_id}
    times = {"jti": "1", "iat": now, "exp": now + 600}
    forged = jwt.encode(body | times, mine.private, "ES256", headers={"kid": row.public_id, "typ": "at+jwt"})
    assert status(forged) == 401
    assert row.public_id not in str(published())


@pytest.mark.usefixtures("es256")
def test_another_algorithm_ends_what_was_signed_before(world: World, settings: Any) -> None:
    elliptic = obtain(world.member).json()["access"]
    settings.JWT_ALGORITHM = "HS256"
    shared = obtain(world.viewer).json()["access"]
    assert (status(elliptic), status(shared), published()) == (401, 200, [])
    settings.JWT_ALGORITHM = "ES256"
    assert (status(elliptic), status(shared)) == (200, 401)


@pytest.mark.usefixtures("es256")
@pytest.mark.promise("L-01")
def test_each_key_is_recorded_the_first_one_too(world: World) -> None:
    obtain(world.member)
    enrol(world.admin)
    rotate_token_key(actor=acting(world.admin))
    assert [entry["userId"] for entry in entries("TOKEN_KEY_ROTATE")] == [world.admin.public_id, "accounts.tokens"]


@pytest.mark.usefixtures("es256")
@pytest.mark.promise("A-06")
def test_rotating_needs_the_right_and_a_recent_confirmation(world: World) -> None:
    with pytest.raises(Denied):
        rotate_token_key(actor=acting(world.developer))
    with time_machine.travel(clock.now() - timedelta(hours=1)):
        stale = acting(world.admin)
    with pytest.raises(StepUpRequired):
        rotate_token_key(actor=stale)
    assert not TokenKey.objects.exists()


def test_the_derived_key_is_not_rotated(world: World) -> None:
    with pytest.raises(Conflict, match="SECRET_KEY"):
        rotate_token_key(actor=world.operator)


def test_an_unknown_algorithm_is_refused_at_the_start(settings: Any) -> None:
    assert tokens_can_be_signed() == []
    for wrong in ("none", "RS256", "hs256", ""):
        settings.JWT_ALGORITHM = wrong
        assert [message.id for message in tokens_can_be_signed()] == ["temps.E007"]


@pytest.mark.usefixtures("es256")
def test_by_command(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("token-key", "status")
    assert "no key yet" in capsys.readouterr().err
    call_command("token-key", "rotate")
    first = capsys.readouterr().out.split()[0]
    call_command("token-key", "rotate", "--now")
    assert "have ended" in capsys.readouterr().out
    call_command("token-key", "status", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["algorithm"], len(told["keys"])) == ("ES256", 1)
    assert told["keys"][0]["id"] != first


def test_the_command_says_what_signs_by_default(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("token-key", "status")
    assert "HS256" in capsys.readouterr().out


def test_a_page_that_is_public_asks_for_no_session(world: World) -> None:
    answer = Client().get(JWKS)
    assert (answer.status_code, answer.cookies) == (200, {})
    assert Client().post(JWKS).status_code == 405
    assert Client().get(ME).status_code == 401
