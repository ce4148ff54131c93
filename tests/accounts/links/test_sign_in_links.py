"""Signing in by a link: it works once, in the browser that asked, and the second factor follows."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.links.models import EmailLink
from accounts.models import SignInPolicy, User
from accounts.services import set_active
from temps.lib import clock
from tests.accounts.events import entries
from tests.accounts.links.conftest import Post
from tests.world import World, enrol

pytestmark = pytest.mark.promise("A-02")
SENT = "/accounts/sent/sign_in/"


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def code_shown(client: Client) -> str:
    found = re.search(r"<code[^>]*>(\d{3} \d{3})</code>", client.get(SENT).content.decode())
    assert found
    return found[1]


def test_a_link_signs_in_once(client: Client, world: World, post: Post) -> None:
    assert post.ask(client, "link", "Owner@Example.com").headers["Location"] == SENT
    link = post.link_to("owner@example.com")
    assert client.post(link).headers["Location"] == "/"
    assert is_in(client)
    assert entries("USER_SIGN_IN")[0]["metadata"]["way"] == "magic_link"
    assert client.post(link).status_code == 410


@pytest.mark.promise("A-05")
def test_the_second_factor_is_asked_after_the_link(client: Client, world: World, post: Post) -> None:
    enrol(world.owner)
    post.ask(client, "link", world.owner.email)
    assert client.post(post.link_to(world.owner.email)).headers["Location"] == "/accounts/login/code/"
    assert client.get("/").status_code == 302
    assert client.get("/api/v1/users/me/").status_code == 401


@pytest.mark.promise("A-05")
def test_a_forwarded_link_meets_the_second_factor_too(client: Client, world: World, post: Post) -> None:
    enrol(world.owner)
    post.ask(client, "link", world.owner.email)
    link, thief, shown = post.link_to(world.owner.email), Client(), code_shown(client)
    assert thief.post(link).status_code == 200, "without the code of the browser that asked it opens nothing"
    assert thief.post(link, {"code": shown}).headers["Location"] == "/accounts/login/code/"
    assert not is_in(thief)
    assert client.post(link).status_code == 410


@pytest.mark.promise("A-05")
def test_an_administrator_without_a_second_factor_reaches_enrolment_alone(
    client: Client, world: World, post: Post
) -> None:
    post.ask(client, "link", world.admin.email)
    assert client.post(post.link_to(world.admin.email)).headers["Location"] == "/accounts/login/enrol/"
    assert not is_in(client)


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_what_looks_at_mail_before_its_reader_uses_nothing_up(
    client: Client, world: World, post: Post, method: str
) -> None:
    post.ask(client, "link", world.owner.email)
    link = post.link_to(world.owner.email)
    for scanner in (Client(), client):
        assert getattr(scanner, method)(link).status_code in (200, 405)
    client.post(link)
    assert is_in(client)


def test_an_expired_link_opens_nothing(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.owner.email)
    with time_machine.travel(clock.now() + timedelta(minutes=15, seconds=1)):
        assert client.post(post.link_to(world.owner.email)).status_code == 410


def test_another_browser_is_told_and_needs_the_code_of_the_first(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.owner.email, headers={"user-agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"})
    link, phone = post.link_to(world.owner.email), Client()
    page = phone.get(link).content.decode()
    assert "not the browser where the link was asked for" in page
    assert "Firefox on Linux" in page
    assert phone.post(link, {"code": code_shown(client)}).headers["Location"] == "/"
    assert is_in(phone)
    assert not is_in(client)


def test_a_forwarded_link_is_void_after_five_wrong_codes(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.owner.email)
    link, thief = post.link_to(world.owner.email), Client()
    right = code_shown(client).replace(" ", "")
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    assert [thief.post(link, {"code": wrong}).status_code for _try in range(6)] == [200] * 5 + [410]
    assert thief.post(link, {"code": right}).status_code == 410
    assert not is_in(thief)
    assert entries("LINK_USE")[-1]["result"] == "failure"


def test_a_newer_link_voids_the_older(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.owner.email)
    post.ask(client, "link", world.owner.email)
    older, newer = post.links_to(world.owner.email)
    assert client.post(older).status_code == 410
    assert client.post(newer).headers["Location"] == "/"


def test_a_stranger_elsewhere_voids_nothing(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.owner.email)
    post.ask(Client(), "link", world.owner.email, REMOTE_ADDR="203.0.113.9")
    assert client.post(post.links_to(world.owner.email)[0]).headers["Location"] == "/"


def test_a_changed_password_or_address_voids_the_link(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.owner.email)
    world.owner.set_password("another phrase of words 5")
    world.owner.save()
    assert client.post(post.link_to(world.owner.email)).status_code == 410


def test_a_disabled_account_does_not_come_in_by_a_link_from_before(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.member.email)
    set_active(world.member, False, actor=world.operator)
    assert client.post(post.link_to(world.member.email)).status_code == 410


def test_the_policy_switches_links_off(client: Client, world: World, post: Post) -> None:
    post.ask(client, "link", world.owner.email)
    assert "Email me a sign-in link" in client.get("/accounts/login/").content.decode()
    SignInPolicy.objects.update_or_create(pk=1, defaults={"magic_links": False})
    assert client.post(post.link_to(world.owner.email)).status_code == 410
    assert post.ask(client, "link", world.owner.email).status_code == 404
    assert "Email me a sign-in link" not in client.get("/accounts/login/").content.decode()


def test_without_a_mail_server_the_page_says_so(client: Client, world: World, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    assert client.get("/accounts/link/").status_code == 404
    assert "Email me a sign-in link" not in client.get("/accounts/login/").content.decode()
    assert not EmailLink.objects.exists()


def test_a_lost_message_is_sent_later(client: Client, world: World, post: Post, worker: Any) -> None:
    client.post("/accounts/link/", {"email": world.owner.email})
    assert post.messages == []
    from accounts.links.tasks import continue_unsent

    with time_machine.travel(clock.now() + timedelta(minutes=2)), worker():
        continue_unsent()
    assert len(post.links_to(world.owner.email)) == 1


def test_an_account_of_a_directory_gets_no_link(client: Client, world: World, post: Post) -> None:
    User.objects.filter(pk=world.owner.pk).update(password="!")
    post.ask(client, "link", world.owner.email)
    assert post.messages == []
