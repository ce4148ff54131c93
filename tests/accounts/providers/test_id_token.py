"""ID tokens (OpenID Connect Core section 3.1.3.7): each rule broken by itself, by a provider that forges."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.test import Client

from accounts.providers.models import IdentityProvider
from tests.accounts.events import entries
from tests.accounts.providers.elsewhere import CLIENT, SECRET, Elsewhere, ec_key, jwk, rsa_key
from tests.accounts.providers.flow import is_signed_in, link, sign_in
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-03")]

Forge = Callable[[Elsewhere], str]


def why() -> str:
    return str(entries("USER_SIGN_IN")[0]["metadata"]["detail"])


def accepted(client: Client, world: World, corp: IdentityProvider, there: Elsewhere) -> bool:
    link(world.member, corp)
    answer = sign_in(client, there)
    assert answer.status_code in (302, 403), answer.content
    return is_signed_in(client)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"exp": -30},
        {"iat": 30},
        {"email": None, "email_verified": None},
    ],
)
def test_what_is_right_is_accepted(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, claims: dict[str, Any]
) -> None:
    there.replies["/userinfo"] = {"sub": "subject-1"}
    assert accepted(client, world, corp, there.proves("subject-1", **at(there, claims)))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://another.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"aud": []},
        {"aud": None},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": -3600},
        {"exp": None},
        {"exp": "soon"},
        {"iat": 3600},
        {"iat": None},
        {"nbf": 3600},
        {"nonce": "of-another-sign-in"},
        {"nonce": None},
        {"nonce": 5},
        {"nonce": ["a"]},
        {"sub": None},
        {"sub": ""},
        {"sub": True},
        {"sub": ["subject-1"]},
        {"sub": "s" * 192},
        {"sub": "subjéct"},
        {"sub": "subject\n1"},
        {"at_hash": "of-another-token"},
    ],
)
def test_what_breaks_one_rule_is_refused(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, claims: dict[str, Any]
) -> None:
    assert not accepted(client, world, corp, there.proves("subject-1", **at(there, claims)))
    assert entries("USER_SIGN_IN")[0]["metadata"]["reason"] == "unproven"


def at(there: Elsewhere, claims: dict[str, Any]) -> dict[str, Any]:
    """Times, given in seconds from now, as they stand in a token."""
    now = there.claims("x")["iat"]
    return {
        name: now + value if name in ("exp", "iat", "nbf") and isinstance(value, int) else value
        for name, value in claims.items()
    }


def test_the_hash_of_the_access_token_binds_the_two(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    half = hashlib.sha256(b"access-1").digest()[:16]
    right = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert accepted(client, world, corp, there.proves("subject-1", at_hash=right))


def unsigned(there: Elsewhere) -> str:
    return jwt.encode(there.claims("subject-1"), "", algorithm="none", headers={"kid": "1"})


def by_another_key(there: Elsewhere) -> str:
    return jwt.encode(there.claims("subject-1"), rsa_key("thief"), algorithm="RS256", headers={"kid": "1"})


def by_an_unknown_key(there: Elsewhere) -> str:
    return jwt.encode(there.claims("subject-1"), rsa_key(), algorithm="RS256", headers={"kid": "2"})


def by_the_client_secret(there: Elsewhere) -> str:
    return jwt.encode(there.claims("subject-1"), SECRET.ljust(32, "!"), algorithm="HS256", headers={"kid": "1"})


def by_the_public_key(there: Elsewhere) -> str:
    """RS256 taken for HS256: the public key, which anybody has, as the secret."""
    head, body = {"alg": "HS256", "kid": "1"}, there.claims("subject-1")
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, body)]
    public = there.replies["/jwks"]["keys"][0]["n"].encode()
    mark = base64.urlsafe_b64encode(hmac.digest(public, b".".join(parts), "sha256")).rstrip(b"=")
    return b".".join([*parts, mark]).decode()


def altered(there: Elsewhere) -> str:
    head, _body, mark = there.token("subject-1").split(".")
    body = base64.urlsafe_b64encode(json.dumps(there.claims("subject-1", sub="subject-1")).encode()).rstrip(b"=")
    return f"{head}.{body.decode()}.{mark[::-1]}"


def with_an_embedded_key(there: Elsewhere) -> str:
    thief = rsa_key("thief")
    return jwt.encode(
        there.claims("subject-1"), thief, algorithm="RS256", headers={"jwk": jwk(thief, "1"), "jku": f"{there.url}/x"}
    )


@pytest.mark.parametrize(
    "forge",
    [
        *(unsigned, by_another_key, by_an_unknown_key, by_the_client_secret, by_the_public_key, altered),
        *(with_an_embedded_key, lambda _there: "", lambda _there: "a.b.c", lambda _there: 5, lambda _there: None),
        *(lambda _there: "x" * 70_000, lambda there: {"token": there.token("subject-1")}),
    ],
)
def test_what_the_provider_did_not_sign_is_refused(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, forge: Forge
) -> None:
    there.answers_token(lambda: forge(there))
    assert not accepted(client, world, corp, there)


def test_a_key_that_is_for_encryption_signs_nothing(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    there.replies["/jwks"] = {"keys": [jwk(rsa_key(), "1", use="enc")]}
    assert not accepted(client, world, corp, there)


@pytest.mark.parametrize("keys", [[], None, {"keys": 5}, {"keys": ["x", None, {"kty": "RSA", "kid": "1"}]}, b"<html>"])
def test_a_key_set_that_is_none_is_refused(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, keys: Any
) -> None:
    there.replies["/jwks"] = keys
    link(world.member, corp)
    assert sign_in(client, there).status_code in (403, 503)
    assert not is_signed_in(client)


def test_elliptic_curves_and_a_key_set_without_ids(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    key = jwk(ec_key(), "x")
    del key["kid"]
    there.replies["/jwks"] = {"keys": [jwk(rsa_key("thief"), "y"), key]}
    there.answers_token(lambda: jwt.encode(there.claims("subject-1"), ec_key(), algorithm="ES256"))
    assert accepted(client, world, corp, there)


def test_the_userinfo_of_somebody_else_is_refused(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    there.replies["/userinfo"] = {"sub": "subject-2", "email": "owner@corp.example", "email_verified": True}
    assert not accepted(client, world, corp, there.proves("subject-1", email=None))
    assert why() == "the UserInfo endpoint speaks of somebody else"


def test_keys_that_were_rotated_are_known_at_once(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    link(world.member, corp)
    sign_in(client, there)
    there.replies["/jwks"] = {"keys": [jwk(rsa_key("thief"), "2")]}
    other = Client()
    sign_in(other, there)
    assert not is_signed_in(other)
