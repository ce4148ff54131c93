"""Where a link leads on to: the page that was wanted when it was asked for."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client

from accounts.links.models import NEXT_PAGE_LIMIT, EmailLink
from accounts.models import SignInPolicy
from tests.accounts.links.conftest import Post
from tests.accounts.test_sign_in import send_code
from tests.world import PASSWORD, World, enrol

pytestmark = pytest.mark.promise("A-02")
WANTED = "/projects/project/?q=a&o=1"
NEW = {"password": "sevenfold umbrella lantern 9", "again": "sevenfold umbrella lantern 9"}


def ask(post: Post, client: Client, page: str, email: str, wanted: str) -> str:
    """Ask for a link as the page does; the path of the link."""
    with post.worker():
        assert client.post(f"/accounts/{page}/", {"email": email, "next": wanted}).status_code == 302
    return post.link_to(email)


def test_from_the_page_that_asked_to_sign_in_to_the_link(client: Client, world: World, post: Post) -> None:
    hop = f"/accounts/link/?next={quote(WANTED, safe='')}"
    assert f'href="{hop}"' in client.get(WANTED, follow=True).content.decode()
    asked = client.get(hop).content.decode()
    assert f'name="next" value="{WANTED.replace("&", "&amp;")}"' in asked
    assert f'href="/accounts/login/?next={quote(WANTED, safe="")}"' in asked
    assert client.post(ask(post, client, "link", world.owner.email, WANTED)).headers["Location"] == WANTED


@pytest.mark.promise("A-05")
def test_the_second_factor_comes_before_it(client: Client, world: World, post: Post) -> None:
    enrol(world.owner)
    link = ask(post, client, "link", world.owner.email, WANTED)
    assert client.post(link).headers["Location"] == "/accounts/login/code/"
    assert send_code(client, world.owner).headers["Location"] == WANTED


def test_a_new_password_leads_there_too(client: Client, world: World, post: Post) -> None:
    link = ask(post, client, "reset", world.owner.email, WANTED)
    assert client.post(link, NEW).headers["Location"] == WANTED


def test_signing_up_leads_there_too(client: Client, world: World, post: Post) -> None:
    SignInPolicy.objects.update_or_create(pk=1, defaults={"sign_up": "open"})
    link = ask(post, client, "sign-up", "fresh@example.com", "/projects/project/")
    form = {"name": "Fresh", "password": PASSWORD, "again": PASSWORD}
    assert client.post(link, form).headers["Location"] == "/projects/project/"


ELSEWHERE = [
    *("//evil.example", "///evil.example", "https://evil.example/", "http:evil.example", "javascript:alert(1)"),
    *("/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "/\0", " //evil.example"),
    *("https://testserver/", "projects/", "/" + "x" * NEXT_PAGE_LIMIT),
]


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_link_leads_off_the_site(client: Client, world: World, post: Post, target: str) -> None:
    link = ask(post, client, "link", world.owner.email, target)
    assert EmailLink.objects.get().next_page == ""
    assert client.post(link).headers["Location"] == "/"


@pytest.mark.promise("O-10")
def test_nor_does_what_is_added_to_it(client: Client, world: World, post: Post) -> None:
    link = ask(post, client, "link", world.owner.email, "")
    assert client.post(f"{link}?next=//evil.example", {"next": "//evil.example"}).headers["Location"] == "/"


def test_every_address_gets_the_same_answer(world: World, post: Post) -> None:
    answers = set()
    for email in (world.owner.email, "unknown@example.com"):
        with post.worker():
            answer = Client().post("/accounts/link/", {"email": email, "next": WANTED})
        answers.add((answer.status_code, answer.headers["Location"], tuple(sorted(answer.cookies))))
    assert len(answers) == 1
