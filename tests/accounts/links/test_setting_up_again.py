"""Setting somebody up again, from the console and over the API: their factors, their password, their lockout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.directory.sign_in import link_entry
from accounts.links.models import EmailLink
from accounts.links.resets import send_reset_link
from accounts.lockout.models import Lockout
from accounts.lockout.services import lockout_of
from accounts.mail.services import set_mail_server
from accounts.models import User, UserKind
from accounts.policy import has_second_factor
from accounts.services import create_user, set_active
from rbac.step_up import StepUpRequired
from temps.lib import clock
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, Unavailable
from tests.accounts.events import entries
from tests.accounts.links.conftest import Post
from tests.routes import directory
from tests.world import World, acting, enrol

pytestmark = [pytest.mark.promise("A-02"), pytest.mark.django_db]
BASE = "https://temps.example.com"
NEW = "another password of five words"
SignedIn = Callable[[User], Client]
Api = Callable[..., APIClient]


def page_of(user: User, path: str = "change/") -> str:
    return f"/accounts/user/{user.pk}/{path}"


def offer(post: Post, world: World, user: User) -> str:
    with post.worker():
        send_reset_link(user, base_url=BASE, actor=acting(world.admin))
    return post.link_to(user.email)


def test_whoever_gets_the_link_chooses_a_password_in_any_browser(world: World, post: Post) -> None:
    enrol(world.owner)
    link, client = offer(post, world, world.owner), Client()
    answer = client.post(link, {"password": NEW, "again": NEW})
    assert answer.headers["Location"] == "/accounts/login/code/"  # and the second factor is asked after it
    world.owner.refresh_from_db()
    assert world.owner.check_password(NEW)
    assert Client().post(link, {"password": NEW, "again": NEW}).status_code == 410


def test_it_holds_for_a_day_and_says_so(world: World, post: Post) -> None:
    link = offer(post, world, world.owner)
    until = EmailLink.objects.get().expires_at
    assert until - clock.now() > timedelta(hours=23)
    said = f"{until:%Y-%m-%d %H:%M} UTC"
    assert said in post.messages[0].body
    assert said in Client().get(link).content.decode()


def test_who_has_no_password_yet_gets_one_and_cannot_ask_for_it(client: Client, world: World, post: Post) -> None:
    fresh = create_user("fresh@example.com", actor=world.operator)
    post.ask(client, "reset", fresh.email)
    assert post.messages == []
    client.post(offer(post, world, fresh), {"password": NEW, "again": NEW})
    fresh.refresh_from_db()
    assert fresh.check_password(NEW)


def test_what_strangers_ask_for_keeps_no_administrator_from_it(world: World, post: Post) -> None:
    for number in range(21):
        EmailLink.objects.create(
            purpose="reset", email=world.owner.email, token_hash=str(number), expires_at=clock.now(), browser_hash="x"
        )
    assert offer(post, world, world.owner)


def test_it_is_recorded_with_who_did_it(world: World, post: Post) -> None:
    offer(post, world, world.owner)
    (offered,) = entries("PASSWORD_RESET_OFFER")
    assert (offered["userEmail"], offered["resourceId"]) == ("admin@example.com", world.owner.public_id)


def test_it_needs_the_right_and_a_recent_confirmation(world: World, post: Post) -> None:
    admin = acting(world.admin)
    with pytest.raises(StepUpRequired):
        send_reset_link(world.owner, base_url=BASE, actor=replace(admin, confirmed_at=None))
    key = Credential(CredentialKind.API_KEY, scopes=frozenset({"users:update"}))
    for wrong in (acting(world.owner), acting(world.developer), acting(world.admin, key)):
        with pytest.raises(Denied):
            send_reset_link(world.viewer, base_url=BASE, actor=wrong)
    assert not EmailLink.objects.exists()


def test_not_everybody_can_get_one(world: World, post: Post) -> None:
    service = create_user("ci@example.com", kind=UserKind.SERVICE, actor=world.operator)
    with pytest.raises(Invalid, match="service"):
        send_reset_link(service, base_url=BASE, actor=acting(world.admin))
    set_active(world.viewer, False, actor=world.operator)
    world.viewer.refresh_from_db()
    with pytest.raises(Conflict, match="disabled"):
        send_reset_link(world.viewer, base_url=BASE, actor=acting(world.admin))
    link_entry(world.member, directory("corp"), "1", actor=world.operator)
    with pytest.raises(Conflict, match="directory"):
        send_reset_link(world.member, base_url=BASE, actor=acting(world.admin))


def test_without_a_mail_server_there_is_none(world: World) -> None:
    with pytest.raises(Unavailable, match="no mail server"):
        send_reset_link(world.owner, base_url=BASE, actor=acting(world.admin))


def test_the_console_sends_it(world: World, post: Post, signed_in: SignedIn) -> None:
    client, page = signed_in(world.admin), page_of(world.owner, "send-password-link/")
    assert page in client.get(page_of(world.owner)).content.decode()
    assert "for a day" in client.get(page).content.decode()
    assert not EmailLink.objects.exists()
    with post.worker():
        answer = client.post(page, follow=True)
    assert "A link is on its way." in answer.content.decode()
    assert post.link_to(world.owner.email)


def test_without_a_mail_server_the_console_names_the_command(world: World, signed_in: SignedIn) -> None:
    client, page = signed_in(world.admin), page_of(world.owner, "send-password-link/")
    for answer in (client.get(page), client.post(page)):
        assert "temps user set-password --email owner@example.com" in answer.content.decode()


def test_the_console_resets_second_factors(world: World, signed_in: SignedIn) -> None:
    enrol(world.owner)
    client, page = signed_in(world.admin), page_of(world.owner, "reset-mfa/")
    assert page in client.get(page_of(world.owner)).content.decode()
    assert "Be sure that it is them" in client.get(page).content.decode()
    assert "they have none now" in client.post(page, follow=True).content.decode()
    assert not has_second_factor(User.objects.get(pk=world.owner.pk))
    assert page not in client.get(page_of(world.owner)).content.decode()


def test_the_console_asks_again_first(world: World, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    enrol(world.owner)
    client = signed_in(world.admin)
    monkeypatch.setattr("rbac.step_up.RECENT", timedelta())
    for path in ("reset-mfa/", "send-password-link/"):
        for answer in (client.get(page_of(world.owner, path)), client.post(page_of(world.owner, path))):
            assert answer.headers["Location"].startswith("/accounts/confirm/")
    assert has_second_factor(User.objects.get(pk=world.owner.pk))


def test_the_console_lifts_a_lockout_while_there_is_one(world: World, signed_in: SignedIn) -> None:
    client, page = signed_in(world.admin), page_of(world.owner, "unlock/")
    assert page not in client.get(page_of(world.owner)).content.decode()
    Lockout.objects.create(user=world.owner, until=clock.now() + timedelta(minutes=15), attempts=51)
    assert page in client.get(page_of(world.owner)).content.decode()
    client.get(page)
    assert lockout_of(world.owner) is not None
    assert "count no more" in client.post(page, follow=True).content.decode()
    assert lockout_of(world.owner) is None


@pytest.mark.parametrize("path", ["unlock/", "reset-mfa/", "send-password-link/"])
def test_whoever_only_reads_accounts_has_no_button(world: World, signed_in: SignedIn, path: str) -> None:
    enrol(world.owner)
    Lockout.objects.create(user=world.owner, until=clock.now() + timedelta(minutes=15), attempts=51)
    client, page = signed_in(world.platform_viewer), page_of(world.owner, path)
    assert page not in client.get(page_of(world.owner)).content.decode()
    assert client.post(page).status_code in (403, 404)
    assert lockout_of(world.owner) is not None
    assert has_second_factor(User.objects.get(pk=world.owner.pk))


def test_the_api_does_both(world: World, post: Post, api: Api) -> None:
    enrol(world.owner)
    client, url = api(world.admin), f"/api/v1/users/{world.owner.public_id}"
    assert client.post(f"{url}/reset-mfa/").json() == {"removed": 1}
    assert client.post(f"{url}/reset-mfa/").status_code == 404
    sent = client.post(f"{url}/reset-password/")
    assert (sent.status_code, sent.json()["email"]) == (202, "owner@example.com")
    assert api(world.member).post(f"{url}/reset-password/").status_code in (403, 404)


def test_the_command_sends_it(
    world: World, post: Post, settings: Any, capsys: pytest.CaptureFixture[str], data_dir: Any
) -> None:
    settings.PUBLIC_URL = BASE
    set_mail_server("smtp", "temps@example.com", actor=world.operator, host="mail.example.com")
    with post.worker():
        call_command("user", "send-password-link", "--email", world.owner.email)
    assert "is on its way to owner@example.com" in capsys.readouterr().out
    assert post.link_to(world.owner.email)


def test_a_service_has_no_second_factor_to_have(world: World, signed_in: SignedIn) -> None:
    service = create_user("ci@example.com", kind=UserKind.SERVICE, actor=world.operator)
    row = signed_in(world.admin).get("/accounts/user/?kind__exact=service").content.decode()
    assert service.email in row
    assert ">no<" not in row.replace(" ", "").replace("\n", "")
