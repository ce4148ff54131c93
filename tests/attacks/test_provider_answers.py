"""A provider that turns against us, or is taken over: what it answers, says of itself, and claims of people."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.providers.fetching import LONGEST
from accounts.providers.models import IdentityProvider
from tests.accounts.providers import made
from tests.accounts.providers.elsewhere import Elsewhere
from tests.accounts.providers.flow import HERE, LINKED, is_signed_in, link, refused, sign_in
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-03")]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"<html>",
        b"[" * 200_000,
        b'{"access_token": ' + b"9" * 10_000 + b"}",
        b"\xff\xfe",
        b"x" * (LONGEST + 1),
        [1],
        None,
        (500, {}),
        (302, {"Location": "http://127.0.0.1:1/"}),
        (307, {"Location": "/token"}),
    ],
)
@pytest.mark.parametrize("path", ["/token", "/jwks"])
def test_no_answer_is_an_error_of_ours(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, path: str, reply: Any
) -> None:
    link(world.member, corp)
    there.replies[path] = reply
    assert sign_in(client, there).status_code in (403, 503)
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "said",
    [
        *({"issuer": "https://another.example"}, {"issuer": None}, {"token_endpoint": "file:///etc/passwd"}),
        *({"jwks_uri": "http://169.254.169.254/latest/"}, {"token_endpoint": "http://10.0.0.1/"}),
        *({"authorization_endpoint": "javascript:alert(1)"}, {"authorization_endpoint": None}),
        *({"token_endpoint": ["x"]}, {"userinfo_endpoint": "https://[::ffff:169.254.169.254]/"}),
    ],
)
def test_what_a_provider_says_of_itself_is_not_believed(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, said: dict[str, Any]
) -> None:
    there.replies["/.well-known/openid-configuration"] |= said
    answer = client.post(f"{HERE}/corp/login/")
    assert (answer.status_code, b"Corp does not answer" in answer.content) == (503, True)
    assert [asked.path for asked in there.asked] == ["/.well-known/openid-configuration"]


def test_redirects_are_not_followed(client: Client, world: World, corp: IdentityProvider, there: Elsewhere) -> None:
    there.replies["/.well-known/openid-configuration"] = (302, {"Location": f"{there.url}/elsewhere"})
    assert client.post(f"{HERE}/corp/login/").status_code == 503
    assert not [asked for asked in there.asked if asked.path == "/elsewhere"]


@pytest.mark.promise("A-16")
@pytest.mark.parametrize("groups", ["admins", {"a": 1}, [["admins"]], [1], ["g"] * 1001, ["g" * 501], True, [None], 7])
def test_groups_are_a_list_of_names_or_nobody_is_let_in(
    client: Client, world: World, there: Elsewhere, groups: Any
) -> None:
    link(world.member, made.provider(world, there.url, groups_claim="groups"))
    refused(sign_in(client, there.proves("subject-1", groups=groups)), client, "unproven")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "x" * 10_000, "a\x1b[31mb", ["a"], {"b": 1}, 5])
def test_odd_names_are_cut_escaped_or_left_out(client: Client, world: World, there: Elsewhere, name: Any) -> None:
    made.makes_accounts(world, there.url)
    sign_in(client, there.proves("x", name=name))
    page = client.get(LINKED).content.decode()
    assert "<script>alert" not in page
    assert len(User.objects.get(email="x@corp.example").name) <= 120


# What it claims of people


@pytest.mark.parametrize("verified", ["true", 1, "yes", None, [True]])
def test_verified_is_true_and_nothing_like_it(client: Client, world: World, there: Elsewhere, verified: Any) -> None:
    made.makes_accounts(world, there.url)
    refused(sign_in(client, there.proves("x", email_verified=verified)), client, "unverified")


def test_a_verdict_on_another_address_is_not_borrowed(client: Client, world: World, there: Elsewhere) -> None:
    made.makes_accounts(world, there.url)
    there.replies["/userinfo"] = {"sub": "x", "email": "mine@corp.example", "email_verified": True}
    refused(sign_in(client, there.proves("x", email_verified=None)), client, "unverified")


@pytest.mark.parametrize(
    "email",
    [
        *("x@evil.example", "x@sub.corp.example", "x@notcorp.example", "x@corp.example.evil.example"),
        *("x@evil.example@corp.example", "corp.example", "", "x" * 300 + "@corp.example", ["x@corp.example"], 5),
        *("x@corp.example\n", "x@evil.example,x@corp.example", "x@corp.example\0", "x@cоrp.example"),  # noqa: RUF001
    ],
)
def test_only_addresses_of_the_domains_get_an_account(
    client: Client, world: World, there: Elsewhere, email: Any
) -> None:
    made.makes_accounts(world, there.url)
    before = User.objects.count()
    answer = sign_in(client, there.proves("x", email=email))
    if email == "x@corp.example\n":  # is x@corp.example, as blanks around an address are no part of it
        assert User.objects.filter(email="x@corp.example").exists()
        return
    assert (answer.status_code, User.objects.count()) == (403, before)
