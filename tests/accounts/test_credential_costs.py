"""An API key and an access token cost no more of the database than a session does."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.api_keys import create_api_key
from accounts.token_format import Kind, make
from tests.accounts.forging import claims
from tests.accounts.test_tokens import obtain
from tests.world import World, acting

pytestmark = pytest.mark.promise("A-07", "A-08")

PROJECTS = "/api/v1/projects/"


def queries(client: Client) -> list[str]:
    """Those of the second request: the first notes that there was one."""
    assert client.get(PROJECTS).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert client.get(PROJECTS).status_code == 200
    return [query["sql"] for query in captured]


def test_by_key_and_by_token_there_are_no_more_queries_than_by_session(world: World, client: Client) -> None:
    access = obtain(world.owner).json()["access"]
    _key, key = create_api_key("CI", owner=world.owner, actor=acting(world.owner))
    by_key = queries(Client(headers={"authorization": f"Bearer {key}"}))
    by_token = queries(Client(headers={"authorization": f"Bearer {access}"}))
    client.force_login(world.owner)
    by_session = queries(client)
    assert len(by_key) <= len(by_session), (by_key, by_session)
    assert len(by_token) <= len(by_session), (by_token, by_session)


def test_a_signature_alone_opens_nothing(world: World) -> None:
    """Whoever had the key could still not act for a family that has ended."""
    obtain(world.member)
    token, _id = make(Kind.ACCESS, claims(), not_after=claims()["exp"])
    client = Client(headers={"authorization": f"Bearer {token}"})
    assert client.get(PROJECTS).status_code == 200
    world.member.token_families.all().delete()
    assert client.get(PROJECTS).status_code == 401
