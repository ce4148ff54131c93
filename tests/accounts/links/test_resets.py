from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.events import entries
from tests.accounts.links.conftest import Post
from tests.world import PASSWORD, World, enrol

NEW = "sevenfold umbrella lantern 9"
FORM = {"password": NEW, "again": NEW}


def test_a_new_password_by_mail_ends_the_sessions_and_is_told(
    client: Client, world: World, post: Post, worker: object
) -> None:
    elsewhere = Client()
    elsewhere.force_login(world.owner)
    tokens = APIClient().post("/api/v1/auth/token", {"email": world.owner.email, "password": PASSWORD}, format="json")
    post.ask(client, "reset", world.owner.email)
    with post.worker():
        assert client.post(post.link_to(world.owner.email), FORM).headers["Location"] == "/"
    world.owner.refresh_from_db()
    assert world.owner.check_password(NEW)
    assert elsewhere.get("/").status_code == 302
    used = APIClient().get("/api/v1/users/me/", headers={"authorization": f"Bearer {tokens.json()['access']}"})
    assert used.status_code == 401
    assert post.messages[-1].subject == "Your password was changed"
    assert entries("USER_PASSWORD_CHANGE")[0]["userEmail"] == "owner@example.com"


def test_a_reset_does_not_skip_the_second_factor(client: Client, world: World, post: Post) -> None:
    enrol(world.owner)
    post.ask(client, "reset", world.owner.email)
    assert client.post(post.link_to(world.owner.email), FORM).headers["Location"] == "/accounts/login/code/"


def test_a_poor_password_leaves_the_link_as_it_was(client: Client, world: World, post: Post) -> None:
    post.ask(client, "reset", world.owner.email)
    link = post.link_to(world.owner.email)
    refused = client.post(link, {"password": "password1234", "again": "password1234"})
    assert "easy to guess" in refused.content.decode() or "common" in refused.content.decode()
    assert client.post(link, FORM).headers["Location"] == "/"


def test_a_link_to_sign_in_does_not_change_a_password(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.owner.email)
    client.post(post.link_to(world.owner.email), FORM)
    world.owner.refresh_from_db()
    assert world.owner.check_password(PASSWORD)


@pytest.mark.promise("A-02")
@pytest.mark.parametrize("page", ["link", "reset"])
def test_every_address_gets_the_same_answer_and_the_same_work(
    client: Client, world: World, post: Post, page: str
) -> None:
    User.objects.filter(pk=world.viewer.pk).update(is_active=False)
    User.objects.filter(pk=world.member.pk).update(kind="service")
    answers = set()
    for email in (world.owner.email, world.viewer.email, world.member.email, "unknown@example.com"):
        fresh = Client()
        with post.worker(), CaptureQueriesContext(connection) as asked:
            answer = fresh.post(f"/accounts/{page}/", {"email": email})
        shown = fresh.get(answer.headers["Location"])
        done = (answer.status_code, answer.headers["Location"], tuple(sorted(answer.cookies)))
        answers.add((done, len(asked), len(shown.content)))
    assert len(answers) == 1
    assert [message.to for message in post.messages] == [[world.owner.email]]
