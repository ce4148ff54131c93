from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import SignInPolicy, User
from rbac.models import Grant
from tests.accounts.links.conftest import Post
from tests.world import PASSWORD, World

pytestmark = pytest.mark.promise("A-13")
FORM = {"name": "Fresh", "password": PASSWORD, "again": PASSWORD}
FRESH = "fresh@example.com"


@pytest.fixture
def _opened(db: None) -> None:
    SignInPolicy.objects.update_or_create(pk=1, defaults={"sign_up": "open", "sign_up_domains": ["example.com"]})


def test_sign_up_is_closed_unless_opened(client: Client, world: World, post: Post) -> None:
    assert post.ask(client, "sign-up", FRESH).status_code == 404
    assert "Sign up" not in client.get("/accounts/login/").content.decode()


@pytest.mark.usefixtures("_opened")
def test_who_confirms_an_address_has_an_account_without_a_role(client: Client, world: World, post: Post) -> None:
    post.ask(client, "sign-up", FRESH)
    assert client.post(post.link_to(FRESH), FORM).headers["Location"] == "/"
    user = User.objects.get(email=FRESH)
    assert user.check_password(PASSWORD)
    assert not Grant.objects.filter(user=user).exists()


@pytest.mark.usefixtures("_opened")
def test_an_existing_account_gets_the_same_answer_and_another_message(client: Client, world: World, post: Post) -> None:
    fresh, known = post.ask(client, "sign-up", FRESH), post.ask(client, "sign-up", world.owner.email)
    assert fresh.headers["Location"] == known.headers["Location"]
    assert post.to(world.owner.email)[0].subject == "You have an account already"
    assert post.links_to(world.owner.email) == []


@pytest.mark.usefixtures("_opened")
def test_another_domain_is_refused(client: Client, world: World, post: Post) -> None:
    answer = post.ask(client, "sign-up", "fresh@example.org")
    assert "ask for an invitation" in answer.content.decode()
    assert post.messages == []


@pytest.mark.usefixtures("_opened")
def test_a_link_from_before_sign_up_was_closed_makes_nothing(client: Client, world: World, post: Post) -> None:
    post.ask(client, "sign-up", FRESH)
    SignInPolicy.objects.update(sign_up="invitation")
    assert client.post(post.link_to(FRESH), FORM).status_code == 410
    assert not User.objects.filter(email=FRESH).exists()
