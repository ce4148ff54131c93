"""A lockout that somebody brings about on purpose: what it does not take from the owner of the account."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.api_keys import create_api_key
from accounts.lockout import counting
from accounts.lockout.services import lockout_of
from tests.accounts.lockout.test_lockout import ask, from_everywhere
from tests.accounts.mfa.authenticator import enrol_passkey
from tests.accounts.mfa.test_sign_in_pages import ALONE, challenge_of
from tests.accounts.test_sign_in import is_signed_in
from tests.accounts.test_tokens import REFRESH, obtain, status
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-12"), pytest.mark.usefixtures("still_clock")]

ELSEWHERE: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.9", "HTTP_HOST": "localhost"}
"""A network that the owner never signed in from."""


def lock(world: World) -> None:
    from_everywhere(world.owner.email, counting.LOCKED_AFTER + 1)
    assert lockout_of(world.owner) is not None
    assert ask(world.owner.email, PASSWORD, source=ELSEWHERE["REMOTE_ADDR"]).status_code == 429


def test_keys_and_tokens_go_on(world: World) -> None:
    _key, key = create_api_key("CI", owner=world.owner, actor=acting(world.owner))
    pair = obtain(world.owner).json()
    lock(world)
    assert (status(key), status(pair["access"])) == (200, 200)
    again = Client(**ELSEWHERE).post(REFRESH, {"refresh": pair["refresh"]}, content_type="application/json")
    assert again.status_code == 200


@pytest.mark.promise("A-02")
@pytest.mark.parametrize("page", ["link", "reset"])
def test_the_mailbox_opens_the_door(world: World, post: Any, page: str) -> None:
    lock(world)
    client, new = Client(**ELSEWHERE), "sevenfold umbrella lantern 9"
    post.ask(client, page, world.owner.email)
    client.post(post.link_to(world.owner.email), {"password": new, "again": new} if page == "reset" else {})
    assert is_signed_in(client)


@pytest.mark.promise("A-04")
def test_so_does_a_passkey(world: World) -> None:
    device, _passkey = enrol_passkey(world.owner)
    lock(world)
    client = Client(**ELSEWHERE)
    client.post(ALONE, {"credential": device.get(challenge_of(client, ALONE))})
    assert is_signed_in(client)


def test_the_accounts_of_others_are_not_touched(world: World) -> None:
    lock(world)
    assert ask(world.member.email, PASSWORD, source=ELSEWHERE["REMOTE_ADDR"]).status_code == 200
