"""Mail that does not go out: said where people look, tried again ever more rarely, and recorded as what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.links.invitations import invite
from accounts.links.models import EmailLink, Invitation
from accounts.links.sending import send_link, wait_after
from accounts.links.tasks import continue_unsent
from accounts.mail.models import MailServer
from accounts.mail.services import set_mail_server
from accounts.models import User
from temps.lib import clock
from temps.lib.actor import Actor
from tests.accounts.events import entries
from tests.accounts.links.conftest import Post
from tests.peers import free_port
from tests.world import World, acting

pytestmark = [pytest.mark.promise("A-15"), pytest.mark.django_db]
BASE, FRESH = "https://temps.example.com", "fresh@example.com"
SYSTEM = Actor.system("accounts.links")
SignedIn = Callable[[User], Client]


@pytest.fixture
def down(world: World, settings: Any, data_dir: Any) -> MailServer:
    """A mail server that is set, and does not answer."""
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "accounts.mail.backend.MailServerBackend", ""
    given: Any = {"host": "127.0.0.1", "port": free_port(), "security": "none"}
    return set_mail_server("smtp", "temps@example.com", actor=world.operator, **given)


@pytest.fixture
def mailed_later() -> Iterator[Any]:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


def invited(world: World, worker: Any) -> EmailLink:
    with worker():
        invite(FRESH, role="member", project=world.project, base_url=BASE, actor=acting(world.owner))
    return EmailLink.objects.get()


def sent_entries() -> list[tuple[str, str]]:
    return [(entry["result"], entry["description"]) for entry in reversed(entries("LINK_SEND"))]


def test_what_the_server_did_not_take_was_not_mailed(world: World, down: MailServer, worker: Any) -> None:
    link = invited(world, worker)
    assert (link.sent_at, link.tries) == (None, 1)
    assert "cannot be reached" in link.last_error
    ((result, text),) = sent_entries()
    assert (result, "could not mail an invitation to fresh@example.com" in text) == ("failure", True)


def test_it_is_recorded_as_mailed_once_it_is(
    world: World, down: MailServer, worker: Any, settings: Any, mailed_later: Any
) -> None:
    link = invited(world, worker)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mailed_later.shift(timedelta(minutes=2))
    for _time in range(3):
        with worker():
            continue_unsent()
        mailed_later.shift(timedelta(hours=2))
    link.refresh_from_db()
    assert (link.sent_at is not None, link.last_error) == (True, "")
    assert [result for result, _text in sent_entries()] == ["failure", "success"]


def test_it_is_tried_ever_more_rarely(world: World, down: MailServer, worker: Any, mailed_later: Any) -> None:
    link = invited(world, worker)
    for _minute in range(180):
        mailed_later.shift(timedelta(minutes=1))
        with worker():
            continue_unsent()
    link.refresh_from_db()
    assert link.tries == 8  # after 0, 1, 3, 7, 15, 31, 63 and 123 minutes
    assert wait_after(200) == timedelta(hours=1)


def test_nobody_sends_a_second_one_meanwhile(world: World, down: MailServer, worker: Any) -> None:
    link = invited(world, worker)
    send_link(link.public_id, actor=SYSTEM)
    link.refresh_from_db()
    assert link.tries == 1


def test_without_a_server_it_waits(world: World, down: MailServer, worker: Any, mailed_later: Any) -> None:
    link = invited(world, worker)
    down.delete()
    mailed_later.shift(timedelta(hours=3))
    with worker():
        continue_unsent()
    send_link(link.public_id, actor=SYSTEM)
    link.refresh_from_db()
    assert link.tries == 1


def test_the_server_keeps_what_went_wrong_until_it_works(
    world: World, down: MailServer, worker: Any, mailbox_port: int
) -> None:
    invited(world, worker)
    down.refresh_from_db()
    assert (down.failed_at is not None, down.last_error) == (True, "it cannot be reached")
    MailServer.objects.update(port=mailbox_port)
    with worker():
        invite("other@example.com", base_url=BASE, actor=acting(world.admin))
    down.refresh_from_db()
    assert (down.failed_at, down.last_error) == (None, "")


def test_settings_that_are_new_have_not_failed(world: World, down: MailServer, worker: Any) -> None:
    invited(world, worker)
    set_mail_server("smtp", "temps@example.com", actor=world.operator, host="mail.example.com")
    assert MailServer.objects.get().failed_at is None


def test_the_pages_say_so(world: World, down: MailServer, worker: Any, signed_in: SignedIn) -> None:
    invited(world, worker)
    client = signed_in(world.admin)
    for page in ("/", "/accounts_mail/mailserver/", "/accounts_links/invitation/"):
        assert "it cannot be reached" in client.get(page).content.decode(), page
    pk = Invitation.objects.get().pk
    assert "not sent yet: " in client.get(f"/accounts_links/invitation/{pk}/change/").content.decode()
    form = {"email": "other@example.com", "role": "viewer", "project": ""}
    added = client.post("/accounts_links/invitation/add/", form, follow=True).content.decode()
    assert "Temps tries again until the invitation expires" in added


def test_the_api_says_so(world: World, down: MailServer, worker: Any, api: Callable[..., APIClient]) -> None:
    invited(world, worker)
    (shown,) = api(world.owner).get("/api/v1/invitations/").json()["results"]
    assert "cannot be reached" in shown["not_sent"]
    assert api(world.admin).get("/api/v1/mail/").json()["server"]["last_error"] == "it cannot be reached"


def test_the_command_says_so(
    world: World, down: MailServer, worker: Any, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.PUBLIC_URL = BASE
    invited(world, worker)
    call_command("user", "invite", "--email", "other@example.com")
    said = capsys.readouterr()
    assert "a link is on its way" in said.out
    assert "it cannot be reached; Temps tries again" in said.err
    call_command("mail", "status")
    assert "did not take a message" in capsys.readouterr().out


def test_what_waits_for_the_environment_s_server_is_counted(
    world: World, post: Post, settings: Any, signed_in: SignedIn
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "accounts.mail.backend.MailServerBackend", free_port()
    settings.EMAIL_HOST = "127.0.0.1"
    invited(world, post.worker)
    assert "One message waits to be mailed" in signed_in(world.admin).get("/").content.decode()


def test_whoever_runs_no_settings_is_not_told(world: World, down: MailServer, worker: Any, signed_in: SignedIn) -> None:
    invited(world, worker)
    assert "cannot be reached" not in signed_in(world.member).get("/").content.decode()
