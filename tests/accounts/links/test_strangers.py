"""What strangers send along with an address, and what of it reaches a mailbox."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.lockout.services import remember_network
from temps.logs import mask_secrets
from tests.accounts.links.conftest import Post
from tests.world import World


@pytest.mark.promise("A-02")
def test_the_link_s_host_is_not_the_asker_s_to_choose(client: Client, world: World, post: Post) -> None:
    refused = client.post("/accounts/link/", {"email": world.owner.email}, headers={"host": "evil.example"})
    assert refused.status_code == 400
    forwarded = {"x-forwarded-host": "evil.example", "referer": "https://evil.example/"}
    post.ask(client, "link", world.owner.email, headers=forwarded)
    assert "evil" not in post.messages[0].body
    assert "http://testserver/accounts/open/" in post.messages[0].body


@pytest.mark.parametrize("address", ["owner@example.com\r\nBcc: x@example.com", "a@b.example, c@d.example", "<x>"])
def test_an_address_is_one_address(client: Client, world: World, post: Post, address: str) -> None:
    assert post.ask(client, "link", address).status_code == 200
    assert post.messages == []


@pytest.mark.usefixtures("still_clock")
def test_a_mailbox_is_not_flooded(world: World, post: Post) -> None:
    for _time in range(7):
        post.ask(Client(), "link", world.owner.email)
    assert len(post.to(world.owner.email)) == 5


@pytest.mark.promise("A-12")
@pytest.mark.parametrize("page", ["link", "reset"])
@pytest.mark.usefixtures("still_clock")
def test_strangers_do_not_silence_whoever_asks_from_a_known_network(world: World, post: Post, page: str) -> None:
    remember_network(world.owner, "203.0.113.5/32")
    for number in range(20):
        post.ask(Client(), page, world.owner.email, REMOTE_ADDR=f"198.51.100.{number}")
    assert len(post.to(world.owner.email)) == 20
    post.ask(Client(), page, world.owner.email, REMOTE_ADDR="192.0.2.77")
    assert len(post.to(world.owner.email)) == 20
    for _time in range(7):
        post.ask(Client(), page, world.owner.email, REMOTE_ADDR="203.0.113.5")
    assert len(post.to(world.owner.email)) == 25


@pytest.mark.promise("A-12")
@pytest.mark.usefixtures("still_clock")
def test_a_network_that_another_account_knows_is_a_stranger_s(world: World, post: Post) -> None:
    remember_network(world.member, "203.0.113.5/32")
    for number in range(20):
        post.ask(Client(), "link", world.owner.email, REMOTE_ADDR=f"198.51.100.{number}")
    post.ask(Client(), "link", world.owner.email, REMOTE_ADDR="203.0.113.5")
    assert len(post.to(world.owner.email)) == 20


@pytest.mark.promise("A-12")
@pytest.mark.usefixtures("still_clock")
def test_asking_has_a_limit(client: Client, world: World, post: Post) -> None:
    answers = [post.ask(client, "link", f"u{number}@example.com").status_code for number in range(16)]
    assert answers == [302] * 15 + [429]


@pytest.mark.promise("O-06")
def test_the_token_is_in_no_log(client: Client, world: World, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.ask(client, "link", world.owner.email)
    link = post.link_to(world.owner.email)
    page = client.get(link)
    client.post(link)
    lines = [str(line.msg) for line in caplog.records if line.name == "temps.request"]
    assert len(lines) == 3
    assert link.split("/")[3] not in "".join(lines)
    told = mask_secrets(None, "", {"event": f"Gone: {link}", "status": 410})
    assert told == {"event": "Gone: /accounts/open/[token]/", "status": 410}
    assert 'name="referrer" content="strict-origin"' in page.content.decode()
    assert "no-store" in page["Cache-Control"]
