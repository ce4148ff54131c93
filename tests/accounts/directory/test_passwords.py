"""While a directory checks somebody's password, no other is given to them, by whatever face."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.directory.linking import link_account, unlink_account
from accounts.directory.models import Directory, DirectoryAccount
from accounts.links.models import EmailLink
from accounts.models import User
from accounts.services import change_own_password, set_password
from accounts.sign_in import user_with_password
from temps.lib.actor import Actor
from temps.lib.errors import Conflict
from tests.accounts.events import entries
from tests.accounts.links.conftest import Post, post, worker
from tests.slapd import Slapd
from tests.world import PASSWORD, World, acting

__all__ = ["post", "worker"]

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

Make = Callable[..., Directory]
SignIn = Callable[[User], Client]
SECRET, NEW = "a phrase that only the directory knows", "sevenfold umbrella lantern 9"
OWN = "/password_change/"
FORM = {"password": NEW, "again": NEW}


@pytest.fixture
def linked(make: Make, server: Slapd, world: World) -> User:
    server.add_person("viewer", SECRET)
    link_account(world.viewer, make(), "viewer@example.com", actor=acting(world.admin))
    return User.objects.get(pk=world.viewer.pk)


def has_none(user: User) -> bool:
    return not User.objects.get(pk=user.pk).has_usable_password() and not entries("USER_PASSWORD_CHANGE")


def test_nobody_gives_them_one(linked: User, world: World) -> None:
    for actor in (acting(world.admin), world.operator):
        with pytest.raises(Conflict, match=r"a directory checks the password of viewer@example\.com"):
            set_password(linked, NEW, actor=actor)
    with pytest.raises(Conflict):
        change_own_password(linked, NEW, actor=acting(linked))
    assert has_none(linked)


def test_once_unlinked_they_may_have_one(linked: User, world: World) -> None:
    unlink_account(linked, actor=acting(world.admin))
    set_password(linked, NEW, actor=acting(world.admin))
    assert user_with_password(linked.email, NEW, actor=Actor.anonymous(address="192.0.2.1")) == linked


def test_the_command_says_so(linked: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{NEW}\n"))
    with pytest.raises(CommandError, match="a directory checks the password"):
        call_command("user", "set-password", "--email", linked.email, "--password-stdin")
    assert has_none(linked)


def test_their_own_page_says_so(linked: User, signed_in: SignIn) -> None:
    client = signed_in(linked)
    given = {"old_password": SECRET, "new_password1": NEW, "new_password2": NEW}
    for answer in (client.get(OWN), client.post(OWN, given)):
        assert (answer.status_code, "not kept here" in answer.content.decode()) == (409, True)
    assert has_none(linked)


def test_the_page_of_somebody_who_is_linked_meanwhile_says_so_too(
    make: Make, signed_in: SignIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    DirectoryAccount.objects.create(user=world.viewer, directory=make(), unique_id="1")
    monkeypatch.setattr("accounts.own_password.is_linked", lambda _user: False)
    given = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    answer = signed_in(world.viewer).post(OWN, given)
    assert (answer.status_code, "not kept here" in answer.content.decode()) == (409, True)
    assert User.objects.get(pk=world.viewer.pk).check_password(PASSWORD)


def test_no_link_is_mailed_to_them(linked: User, client: Client, post: Post) -> None:
    assert post.ask(client, "reset", linked.email).status_code == 302
    assert post.to(linked.email) == []


def test_a_link_that_was_mailed_before_is_void(
    make: Make, server: Slapd, world: World, client: Client, post: Post
) -> None:
    server.add_person("viewer", SECRET)
    post.ask(client, "reset", world.viewer.email)
    link_account(world.viewer, make(), "viewer@example.com", actor=acting(world.admin))
    assert client.post(post.link_to(world.viewer.email), FORM).status_code == 410
    assert has_none(world.viewer)


def test_nor_does_one_that_is_used_at_the_same_moment_go_past_the_directory(
    make: Make, world: World, client: Client, post: Post
) -> None:
    post.ask(client, "reset", world.viewer.email)
    DirectoryAccount.objects.create(user=world.viewer, directory=make(), unique_id="1")
    page = client.post(post.link_to(world.viewer.email), FORM)
    assert "a directory checks the password" in page.content.decode()
    assert User.objects.get(pk=world.viewer.pk).check_password(PASSWORD)
    assert EmailLink.objects.get().used_at is None
