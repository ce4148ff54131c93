"""Tokens that were forged, stolen, swapped or kept too long."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection
from django.test import Client

from accounts.api_keys import create_api_key
from accounts.models import TokenFamily, TokenKey, User
from accounts.services import set_active, set_password
from accounts.token_keys import rotate_token_key, signer
from accounts.totp import code_at
from rbac.services import assign_role
from temps.lib import clock
from tests.accounts.forging import claims, signed, unsigned
from tests.accounts.test_tokens import ME, REFRESH, ask, obtain, status
from tests.world import World, acting, enrol

pytestmark = pytest.mark.promise("A-07")


@pytest.fixture(params=["HS256", "ES256"])
def member(world: World, settings: Any, request: pytest.FixtureRequest) -> User:
    """Signed in over the API, with tokens of either algorithm."""
    settings.JWT_ALGORITHM = request.param
    obtain(world.member)
    return world.member


def refused(*tokens: str) -> bool:
    return [status(token) for token in tokens] == [401] * len(tokens)


def at(**shift: int) -> int:
    return int((clock.now() + timedelta(**shift)).timestamp())


@pytest.mark.usefixtures("member")
def test_what_is_forged_here_would_pass_if_it_were_not() -> None:
    assert status(signed()) == 200


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_no_algorithm_is_no_signature(alg: str) -> None:
    header = {"alg": alg, "typ": "at+jwt", "kid": signer().key_id}
    right = signed().rpartition(".")[2]
    assert refused(unsigned(header, claims()), unsigned(header, claims()) + right)


@pytest.mark.usefixtures("member")
def test_another_key_does_not_sign() -> None:
    another = ec.generate_private_key(ec.SECP256R1()) if signer().algorithm == "ES256" else b"k" * 32
    assert refused(signed(key=another))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_right_key_with_another_algorithm_does_not_sign(world: World, algorithm: str) -> None:
    obtain(world.member)
    assert refused(signed(algorithm=algorithm))


def test_the_public_key_is_no_shared_secret(world: World, settings: Any) -> None:
    """The classic confusion: a token signed by HMAC, with what everybody knows as the secret."""
    settings.JWT_ALGORITHM = "ES256"
    obtain(world.member)
    ours, body = signer(), claims()
    header = {"alg": "HS256", "typ": "at+jwt", "kid": ours.key_id}
    pem = ours.verifying.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = ours.verifying.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = str(TokenKey.objects.get().public_jwk).encode()
    for secret in (pem, pem.strip(), der, jwk, b""):
        half = unsigned(header, body).rpartition(".")[0]
        algorithm = jwt.get_algorithm_by_name("HS256")
        signature = algorithm.sign(half.encode(), secret)
        assert refused(unsigned(header, body, signature))


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize(
    "kid",
    [
        "",
        "jwk_aaaaaaaaaaaaaaaaaaaa",
        "hs_0000000000000000",
        "../../../../dev/null",
        "/etc/hostname",
        "x' OR '1'='1",
    ],
)
def test_a_key_that_we_do_not_have_is_not_looked_for_elsewhere(kid: str) -> None:
    assert refused(signed(headers={"kid": kid}))


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("kid", [None, ["a"], {"a": 1}, 7, True, "\u0000", "k" * 3000])
def test_a_key_id_that_is_no_name_is_refused(kid: object) -> None:
    assert refused(unsigned({"alg": signer().algorithm, "typ": "at+jwt", "kid": kid}, claims(), b"s" * 64))


@pytest.mark.usefixtures("member")
def test_keys_and_addresses_in_the_header_are_not_used() -> None:
    mine = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(mine.public_key(), as_dict=True)
    for more in ({"jwk": jwk}, {"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example/"}):
        assert refused(signed(key=mine, algorithm="ES256", headers=more))


@pytest.mark.usefixtures("member")
def test_claims_of_another_purpose_place_or_time_are_refused(world: World) -> None:
    wrong: list[dict[str, Any]] = [
        {"exp": at(seconds=-1)},
        {"exp": "never"},
        {"nbf": at(minutes=5)},
        {"iat": at(minutes=5)},
        {"aud": "elsewhere"},
        {"aud": ["temps-api", "elsewhere"]},
        {"aud": "temps-refresh"},
        {"iss": "elsewhere"},
        {"sub": world.admin.public_id},
        {"fam": "fam_unknown"},
        {"sub": 7},
        *({name: None} for name in ("exp", "iat", "iss", "aud", "sub", "jti", "fam")),
    ]
    assert refused(*(signed(**change) for change in wrong))


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("typ", ["rt+jwt", "JWT", None, "AT+JWT "])
def test_a_token_of_another_type_opens_nothing(typ: str | None) -> None:
    assert refused(signed(headers={"typ": typ}))


@pytest.mark.usefixtures("member")
def test_what_is_no_token_is_refused() -> None:
    head, body, signature = signed().split(".")
    cut = (f"{head}.{body}.", f"{head}.{body}", f".{body}.{signature}", f"{head}..{signature}")
    assert refused(*cut, "a.b.c", "..", ".", "ü.ü.ü", "x" * 5000, f"{head}.{body}.{signature}.{signature}")
    assert ask(REFRESH, refresh="\ud800.a.b").status_code in (400, 401)


def test_the_two_kinds_do_not_stand_in_for_each_other(world: World) -> None:
    pair = obtain(world.member).json()
    assert refused(pair["refresh"])
    assert ask(REFRESH, refresh=pair["access"]).status_code == 401
    assert status(ask(REFRESH, refresh=pair["refresh"]).json()["access"]) == 200


def test_an_api_key_is_no_token_and_a_token_no_key(world: World) -> None:
    _key, key = create_api_key("CI", owner=world.member, actor=acting(world.member))
    access = obtain(world.member).json()["access"]
    assert ask(REFRESH, refresh=key).status_code == 401
    assert Client().get(ME, headers={"x-api-key": access}).status_code == 401


@pytest.mark.parametrize(
    "what", ["disabled", "password", "second factor gone", "must have one", "signed out", "enrolled since"]
)
def test_a_token_does_not_outlive_what_it_was_given_for(world: World, what: str) -> None:
    user = world.member
    device = enrol(user) if what == "second factor gone" else None
    otp = {"otp": code_at(device, clock.now().timestamp())} if device else {}
    pair = obtain(user, **otp).json()
    assert status(pair["access"]) == 200
    if what == "disabled":
        set_active(user, False, actor=world.operator)
    elif what == "password":
        set_password(user, "another unguessable phrase 9", actor=world.operator)
    elif device:
        device.delete()
        enrol(user)
    elif what == "must have one":
        assign_role(user, "admin", actor=world.operator)
    elif what == "signed out":
        ask("/api/v1/auth/revoke", token=pair["refresh"])
    else:
        enrol(user)
    assert refused(pair["access"])
    assert ask(REFRESH, refresh=pair["refresh"]).status_code == 401


def test_a_token_has_the_rights_of_its_owner_now(world: World) -> None:
    access = obtain(world.owner).json()["access"]
    path = f"/api/v1/projects/{world.project.slug}/"
    assert status(access, path) == 200
    world.owner.grants.all().delete()
    assert status(access, path) in (403, 404)


def test_a_token_in_the_address_is_not_read(world: World) -> None:
    access = obtain(world.member).json()["access"]
    for name in ("token", "access_token", "jwt", "key", "api_key"):
        assert Client().get(f"{ME}?{name}={access}").status_code == 401


def test_a_refresh_token_that_was_used_does_not_come_back_with_a_new_key(world: World, settings: Any) -> None:
    settings.JWT_ALGORITHM = "ES256"
    first = obtain(world.member).json()
    ask(REFRESH, refresh=first["refresh"])
    rotate_token_key(actor=world.operator)
    assert ask(REFRESH, refresh=first["refresh"]).status_code == 401
    assert TokenFamily.objects.get().revoked_at


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_refreshes_at_the_same_moment_one_wins_and_the_family_ends(world: World) -> None:
    first = obtain(world.member).json()
    start = threading.Barrier(2)
    answers: list[Any] = []

    def go() -> None:
        start.wait()
        answers.append(ask(REFRESH, refresh=first["refresh"]))
        connection.close()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    winner = next(answer for answer in answers if answer.status_code == 200).json()
    assert refused(winner["access"])
    assert ask(REFRESH, refresh=winner["refresh"]).status_code == 401


def test_so_it_is_in_a_database_file(tmp_path: Path) -> None:
    environment = os.environ | {"TEMPS_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "temps.settings"}
    command = [sys.executable, "-m", "tests.attacks.racing"]
    done = subprocess.run(
        command, env=environment | {"DATABASE_URL": "", "REDIS_URL": ""}, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1:] == ["[200, 401] 401"], done.stderr


def test_a_token_expires_to_the_second(world: World) -> None:
    with time_machine.travel(clock.now().replace(microsecond=0), tick=False) as time:
        access = obtain(world.member).json()["access"]
        time.shift(1799)
        assert status(access) == 200
        time.shift(1)
        assert status(access) == 401
