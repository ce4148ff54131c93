from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.links.email_changes import request_email_change
from accounts.models import User
from rbac.step_up import StepUpRequired
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Denied
from tests.accounts.events import entries
from tests.accounts.links.conftest import Post
from tests.world import World, acting

BASE = "https://temps.example.com"
NEW = "renamed@example.com"
SignedIn = Callable[[User], Client]


def ask(post: Post, world: World, new: str = NEW) -> None:
    with post.worker():
        request_email_change(world.owner, new, actor=acting(world.owner), base_url=BASE)


@pytest.mark.promise("A-15")
@pytest.mark.parametrize("order", [(NEW, "owner@example.com"), ("owner@example.com", NEW)])
def test_the_address_changes_when_both_have_agreed(
    client: Client, world: World, post: Post, order: tuple[str, str]
) -> None:
    ask(post, world)
    client.post(post.link_to(order[0]), {"answer": "agree"})
    world.owner.refresh_from_db()
    assert world.owner.email == "owner@example.com"
    with post.worker():
        client.post(post.link_to(order[1]), {"answer": "agree"})
    world.owner.refresh_from_db()
    assert world.owner.email == NEW
    assert post.to("owner@example.com")[-1].subject == "Your email address was changed"
    assert entries("USER_EMAIL_CHANGE")[0]["metadata"]["before"] == "owner@example.com"


def test_the_old_address_stops_it(client: Client, world: World, post: Post) -> None:
    ask(post, world)
    client.post(post.link_to(NEW))
    client.post(post.link_to("owner@example.com"), {"answer": "stop"})
    world.owner.refresh_from_db()
    assert world.owner.email == "owner@example.com"
    assert entries("EMAIL_CHANGE_STOP")[0]["result"] == "success"


def test_an_address_that_is_taken_is_found_out_at_the_end(client: Client, world: World, post: Post) -> None:
    ask(post, world)
    client.post(post.link_to("owner@example.com"), {"answer": "agree"})
    User.objects.filter(pk=world.nobody.pk).update(email=NEW)
    assert "there is an account with it" in client.post(post.link_to(NEW)).content.decode()
    world.owner.refresh_from_db()
    assert world.owner.email == "owner@example.com"


def test_whoever_asks_is_not_told_whose_address_it_is(world: World, post: Post) -> None:
    ask(post, world, "Viewer@example.com")
    assert post.to("viewer@example.com") == []
    assert len(post.links_to("owner@example.com")) == 1


@pytest.mark.promise("A-06")
def test_it_needs_a_person_who_confirmed(world: World, post: Post) -> None:
    actor = acting(world.owner)
    with pytest.raises(StepUpRequired):
        request_email_change(world.owner, NEW, actor=replace(actor, confirmed_at=None), base_url=BASE)
    key = acting(world.owner, Credential(CredentialKind.API_KEY))
    for wrong in (key, acting(world.admin), world.operator):
        with pytest.raises(Denied):
            request_email_change(world.owner, NEW, actor=wrong, base_url=BASE)


def test_the_page_of_one_s_own_account(world: World, post: Post, signed_in: SignedIn) -> None:
    client = signed_in(world.owner)
    client.post("/accounts/you/", {"do": "name", "name": "Other"})
    with post.worker():
        client.post("/accounts/you/", {"do": "email", "email": NEW})
    page = client.get("/accounts/you/").content.decode()
    assert 'value="Other"' in page
    assert NEW in page
    client.post("/accounts/you/", {"do": "cancel"})
    assert client.post(post.link_to(NEW)).status_code == 410
    assert Client().get("/accounts/you/").status_code == 302


def test_the_api_of_one_s_own_account(world: World, post: Post, api: Callable[..., APIClient]) -> None:
    client = api(world.owner)
    assert client.put("/api/v1/users/me/name/", {"name": "Other"}, format="json").json() == {"name": "Other"}
    assert client.get("/api/v1/users/me/email/").json() == {"email": "owner@example.com", "change": None}
    assert client.post("/api/v1/users/me/email/", {"email": NEW}, format="json").status_code == 202
    assert client.get("/api/v1/users/me/email/").json()["change"]["new_email"] == NEW
    assert client.delete("/api/v1/users/me/email/").status_code == 204
    assert client.delete("/api/v1/users/me/email/").status_code == 409
