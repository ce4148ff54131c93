"""How much mail people have us send, by whichever face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.errors import TooMuchMail
from accounts.links.email_changes import request_email_change
from accounts.links.invitations import invite, resend_invitation
from accounts.links.limits import EMAIL_CHANGES, INVITATIONS, TO_ONE_ADDRESS
from accounts.links.models import EmailChange, EmailLink, Invitation
from accounts.links.resets import send_reset_link
from accounts.models import User
from tests.accounts.links.conftest import Post
from tests.world import World, acting

pytestmark = [pytest.mark.usefixtures("still_clock"), pytest.mark.promise("A-13")]
BASE = "https://temps.example.com"
OWN = "/api/v1/users/me/email/"


def number(rate: str) -> int:
    return int(rate.partition("/")[0])


def offer(world: World, email: str, user: User | None = None) -> Invitation:
    """Invite somebody to be a viewer of the project."""
    inviter = acting(user or world.owner)
    return invite(email, role="viewer", project=world.project, base_url=BASE, actor=inviter).invitation


@pytest.mark.promise("A-15")
def test_the_page_and_the_api_share_the_limit_on_changes_of_address(
    world: World, post: Post, api: Callable[..., APIClient], signed_in: Callable[[User], Client]
) -> None:
    client, browser = api(world.owner), signed_in(world.owner)
    for count in range(number(EMAIL_CHANGES) - 1):
        assert client.post(OWN, {"email": f"new{count}@example.com"}, format="json").status_code == 202
    assert browser.post("/accounts/you/", {"do": "email", "email": "last@example.com"}).status_code == 302
    refused = client.post(OWN, {"email": "more@example.com"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert "enough mail for now: try again in" in refused.json()["detail"]
    page = browser.post("/accounts/you/", {"do": "email", "email": "more@example.com"})
    assert (page.status_code, page["Retry-After"]) == (429, refused["Retry-After"])
    assert "enough mail for now" in page.content.decode()
    assert not EmailChange.objects.filter(new_email="more@example.com").exists()
    assert EmailChange.objects.get(ended_at=None).new_email == "last@example.com"


@pytest.mark.promise("A-15")
def test_another_person_changes_their_address_meanwhile(world: World, post: Post) -> None:
    for count in range(number(EMAIL_CHANGES)):
        request_email_change(world.owner, f"new{count}@example.com", actor=acting(world.owner), base_url=BASE)
    with pytest.raises(TooMuchMail):
        request_email_change(world.owner, "more@example.com", actor=acting(world.owner), base_url=BASE)
    assert request_email_change(world.member, "more@example.com", actor=acting(world.member), base_url=BASE)


def test_one_person_sends_so_many_invitations(world: World, api: Callable[..., APIClient]) -> None:
    for count in range(number(INVITATIONS)):
        offer(world, f"fresh{count}@example.com")
    refused = api(world.owner).post(
        "/api/v1/invitations/", {"email": "more@example.com", "role": "viewer", "project": "shop"}, format="json"
    )
    assert (refused.status_code, 0 < int(refused["Retry-After"]) <= 3600) == (429, True)
    with pytest.raises(TooMuchMail):
        resend_invitation(Invitation.objects.all()[0], base_url=BASE, actor=acting(world.owner))
    assert offer(world, "more@example.com", world.admin)


def test_one_address_gets_so_many_whoever_sends_them(world: World, api: Callable[..., APIClient]) -> None:
    invitation = offer(world, "fresh@example.com")
    people = [world.owner, world.admin]
    for count in range(number(TO_ONE_ADDRESS) - 1):
        resend_invitation(invitation, base_url=BASE, actor=acting(people[count % 2]))
    refused = api(world.owner).post(f"/api/v1/invitations/{invitation.public_id}/resend/")
    assert (refused.status_code, 0 < int(refused["Retry-After"]) <= 3600) == (429, True)
    with pytest.raises(TooMuchMail):
        resend_invitation(invitation, base_url=BASE, actor=world.operator)
    assert EmailLink.objects.filter(used_at=None).count() == 1
    assert offer(world, "other@example.com")


def test_whoever_asks_for_an_address_keeps_nobody_from_a_new_password(world: World, settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    for _time in range(number(TO_ONE_ADDRESS)):
        request_email_change(world.member, world.owner.email, base_url=BASE, actor=acting(world.member))
    assert send_reset_link(world.owner, base_url=BASE, actor=acting(world.admin))


def test_what_is_refused_anyway_counts_nothing(world: World, api: Callable[..., APIClient]) -> None:
    client = api(world.viewer)
    body = {"email": "fresh@example.com", "role": "viewer", "project": "shop"}
    for _time in range(number(TO_ONE_ADDRESS)):
        assert client.post("/api/v1/invitations/", body, format="json").status_code == 403
    assert offer(world, "fresh@example.com")


def test_sending_several_again_in_the_console_is_all_or_nothing(
    world: World, signed_in: Callable[[User], Client]
) -> None:
    full, other = offer(world, "full@example.com"), offer(world, "other@example.com")
    for _time in range(number(TO_ONE_ADDRESS) - 1):
        resend_invitation(full, base_url=BASE, actor=world.operator)
    links = EmailLink.objects.count()
    chosen = {"action": "send_again", "_selected_action": [str(other.pk), str(full.pk)]}
    answer = signed_in(world.admin).post("/accounts_links/invitation/", chosen, follow=True)
    assert "enough mail for now" in answer.content.decode()
    assert EmailLink.objects.count() == links


def test_the_command_says_so_in_a_line(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = BASE
    invitation = offer(world, "fresh@example.com")
    for _time in range(number(TO_ONE_ADDRESS) - 1):
        resend_invitation(invitation, base_url=BASE, actor=world.operator)
    Invitation.objects.update(withdrawn_at=invitation.created_at)
    with pytest.raises(CommandError, match="enough mail for now"):
        call_command("user", "invite", "--email", "fresh@example.com", "--role", "viewer", "--project", "shop")
