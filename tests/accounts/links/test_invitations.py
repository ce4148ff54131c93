from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.links.invitations import invite, resend_invitation, withdraw_invitation
from accounts.links.models import Invitation
from accounts.models import User
from accounts.services import create_user, set_active
from rbac.models import Grant
from rbac.services import remove_role
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid
from tests.accounts.events import entries
from tests.accounts.links.conftest import Post
from tests.world import PASSWORD, World, acting

pytestmark = pytest.mark.promise("A-13", "R-07")
BASE = "https://temps.example.com"
FORM = {"name": "Fresh", "password": PASSWORD, "again": PASSWORD}
FRESH = "fresh@example.com"


def path_of(url: str) -> str:
    return url.removeprefix(BASE)


def test_who_is_invited_makes_their_account_and_has_the_role(client: Client, world: World, post: Post) -> None:
    with post.worker():
        made = invite(FRESH, role="member", project=world.project, base_url=BASE, actor=acting(world.owner))
    assert made.link == ""
    link = post.link_to(FRESH)
    assert "owner@example.com" in client.get(link).content.decode()
    assert client.post(link, FORM).headers["Location"] == "/"
    assert Grant.objects.get(user__email=FRESH).role == "member"
    assert client.get("/").status_code == 200
    assert entries("INVITATION_ACCEPT")[0]["metadata"]["project"] == "shop"
    assert Client().post(link, FORM).status_code == 410


def test_without_a_mail_server_the_link_is_handed_over(client: Client, world: World) -> None:
    made = invite(FRESH, role="viewer", base_url=BASE, actor=acting(world.admin))
    assert made.link.startswith(f"{BASE}/accounts/open/")
    client.post(path_of(made.link), FORM)
    assert Grant.objects.get(user__email=FRESH, project=None).role == "viewer"


def test_an_account_that_came_by_another_way_meanwhile_is_not_given_what_was_offered(
    client: Client, world: World
) -> None:
    """Somebody who got an account with the address first does not become administrator by another's click."""
    made = invite(FRESH, role="admin", base_url=BASE, actor=acting(world.admin))
    create_user(FRESH, password=PASSWORD, actor=world.operator)
    answer = client.post(path_of(made.link), FORM)
    assert answer.status_code != 302
    assert not Grant.objects.filter(user__email=FRESH).exists()


def test_nobody_offers_more_than_they_hold(world: World) -> None:
    world.project.grants.filter(user=world.member).update(role="admin")
    with pytest.raises(Denied):
        invite(FRESH, role="owner", project=world.project, base_url=BASE, actor=acting(world.member))
    with pytest.raises(Denied):
        invite(FRESH, role="viewer", base_url=BASE, actor=acting(world.owner))
    with pytest.raises(Denied):
        invite(FRESH, role="viewer", project=world.other, base_url=BASE, actor=acting(world.owner))
    with pytest.raises(Invalid, match="unknown role"):
        invite(FRESH, project=world.project, base_url=BASE, actor=acting(world.owner))


def test_an_api_key_invites_nobody(world: World) -> None:
    key = Credential(CredentialKind.API_KEY, scopes=frozenset({"roles:create", "users:create"}))
    with pytest.raises(Denied):
        invite(FRESH, role="viewer", base_url=BASE, actor=acting(world.admin, key))


@pytest.mark.parametrize("change", ["demoted", "disabled", "deleted"])
def test_an_inviter_without_the_right_gives_nothing(client: Client, world: World, change: str) -> None:
    made = invite(FRESH, role="member", project=world.project, base_url=BASE, actor=acting(world.owner))
    grant = world.project.grants.get(user=world.owner)
    if change == "demoted":
        world.project.grants.filter(user=world.viewer).update(role="owner")
        remove_role(grant, actor=world.operator)
    elif change == "disabled":
        world.project.grants.filter(user=world.viewer).update(role="owner")
        set_active(world.owner, False, actor=world.operator)
    else:
        User.objects.filter(pk=world.owner.pk).delete()
    answer = client.post(path_of(made.link), FORM)
    assert "can no longer give" in answer.content.decode()
    assert not User.objects.filter(email=FRESH).exists()


def test_an_account_that_exists_gets_the_role_and_no_session(client: Client, world: World, post: Post) -> None:
    with post.worker():
        invite(world.nobody.email, role="viewer", project=world.project, base_url=BASE, actor=acting(world.owner))
    page = client.post(post.link_to(world.nobody.email))
    assert "Your account has its new role" in page.content.decode()
    assert world.project.grants.get(user=world.nobody).role == "viewer"
    assert client.get("/").status_code == 302


def test_who_sends_again_offers_it_themselves(world: World) -> None:
    made = invite(FRESH, role="owner", project=world.project, base_url=BASE, actor=acting(world.owner))
    world.project.grants.filter(user=world.member).update(role="admin")
    with pytest.raises(Denied):
        resend_invitation(made.invitation, base_url=BASE, actor=acting(world.member))


def test_sending_again_voids_the_link_before(client: Client, world: World) -> None:
    first = invite(FRESH, role="member", project=world.project, base_url=BASE, actor=acting(world.owner))
    second = resend_invitation(first.invitation, base_url=BASE, actor=acting(world.owner))
    assert client.post(path_of(first.link), FORM).status_code == 410
    assert client.post(path_of(second.link), FORM).headers["Location"] == "/"


def test_a_withdrawn_invitation_opens_nothing(client: Client, world: World) -> None:
    made = invite(FRESH, role="member", project=world.project, base_url=BASE, actor=acting(world.owner))
    with pytest.raises(Conflict, match="invited already"):
        invite(FRESH, role="member", project=world.project, base_url=BASE, actor=acting(world.owner))
    withdraw_invitation(made.invitation, actor=acting(world.owner))
    assert client.post(path_of(made.link), FORM).status_code == 410
    assert invite(FRESH, role="viewer", project=world.project, base_url=BASE, actor=acting(world.owner)).link


def test_the_api_invites_lists_and_withdraws(world: World, api: Callable[..., APIClient]) -> None:
    client = api(world.owner)
    made = client.post("/api/v1/invitations/", {"email": FRESH, "role": "viewer", "project": "shop"}, format="json")
    assert (made.status_code, made.json()["state"]) == (201, "pending")
    assert made.json()["link"].startswith("http://testserver/accounts/open/")
    assert [one["email"] for one in client.get("/api/v1/invitations/").json()["results"]] == [FRESH]
    assert api(world.outsider).get("/api/v1/invitations/").json()["results"] == []
    url = f"/api/v1/invitations/{made.json()['id']}/"
    assert "link" not in client.get(url).json()
    assert api(world.outsider).delete(url).status_code == 404
    assert client.delete(url).status_code == 204
    assert Invitation.objects.get().state == "withdrawn"


def test_the_command_invites(world: World, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="TEMPS_PUBLIC_URL"):
        call_command("user", "invite", "--email", FRESH)
    settings.PUBLIC_URL = f"{BASE}/"
    call_command("user", "invite", "--email", FRESH, "--role", "member", "--project", "shop")
    assert capsys.readouterr().out.startswith(f"{BASE}/accounts/open/")
    assert Invitation.objects.get().offer == "member on shop"


def test_the_console_shows_the_link_once(world: World, signed_in: Callable[[User], Client], settings: Any) -> None:
    client = signed_in(world.admin)
    made = client.post("/accounts_links/invitation/add/", {"email": FRESH, "role": "viewer", "project": ""})
    assert "/accounts/open/" in made.content.decode()
    assert FRESH in client.get("/accounts_links/invitation/").content.decode()
    pk = Invitation.objects.get().pk
    chosen = {"action": "withdraw", "_selected_action": str(pk)}
    assert client.post("/accounts_links/invitation/", chosen).status_code == 302
    assert Invitation.objects.get().state == "withdrawn"
    assert "/accounts/open/" not in client.get(f"/accounts_links/invitation/{pk}/change/").content.decode()
