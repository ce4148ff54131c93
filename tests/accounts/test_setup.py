"""The one-time link that makes the first administrator."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client

from accounts.api_keys import operator_identity
from accounts.models import SetupLink, User
from accounts.services import set_active
from accounts.setup import create_first_administrator, make_setup_link, setup_url
from rbac.models import Grant
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound
from temps.logs import mask_secrets
from tests.accounts.events import entries
from tests.world import PASSWORD, World, build

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-13")]

FORM = {"email": "First@Example.com", "name": "First", "password": PASSWORD, "again": PASSWORD}
VISITOR = Actor.anonymous(address="192.0.2.7", request_id="r")


def token() -> str:
    made = make_setup_link(actor=Actor.operator())
    assert made is not None
    return made


def path() -> str:
    return f"/accounts/setup/{token()}/"


def test_the_link_makes_an_administrator_and_leads_to_enrolment(client: Client) -> None:
    address = path()
    assert client.get(address).status_code == 200
    assert client.post(address, FORM)["Location"] == "/accounts/login/enrol/"
    grant = Grant.objects.get()
    assert (grant.user.email, grant.role, grant.project) == ("first@example.com", "admin", None)
    assert client.get("/api/v1/users/me/").status_code == 401
    assert entries("USER_CREATE")[0]["ipAddress"] == "127.0.0.1"


def test_the_link_works_once(client: Client) -> None:
    address = path()
    client.post(address, FORM)
    again = client.post(address, FORM | {"email": "second@example.com"})
    assert again.status_code == 410
    assert "not valid" in again.content.decode()
    assert User.objects.count() == 1


def test_looking_at_the_page_spends_nothing(client: Client) -> None:
    address = path()
    assert [client.get(address).status_code for _ in range(3)] == [200, 200, 200]
    assert client.post(address, FORM).status_code == 302


def test_a_newer_link_voids_the_older(client: Client) -> None:
    older, newer = path(), path()
    assert client.get(older).status_code == 410
    assert client.get(newer).status_code == 200


def test_a_link_expires_after_a_day(client: Client) -> None:
    address = path()
    with time_machine.travel(clock.now() + timedelta(hours=24, seconds=1)):
        assert client.post(address, FORM).status_code == 410
    assert not User.objects.exists()


def test_there_is_no_link_once_there_is_an_administrator(world: World) -> None:
    assert setup_url("http://127.0.0.1:8000") is None


def test_a_link_made_before_is_closed_by_an_administrator_made_otherwise(client: Client) -> None:
    address = path()
    assert client.get(address).status_code == 200
    build()
    assert client.post(address, FORM).status_code == 410


def test_a_service_account_is_no_administrator_for_this(client: Client) -> None:
    operator_identity(actor=Actor.operator())
    assert setup_url("http://127.0.0.1:8000/") is not None


def test_a_refused_password_leaves_the_link_open(client: Client) -> None:
    address = path()
    answer = client.post(address, FORM | {"password": "short", "again": "short"})
    assert 'id="id_password_error"' in answer.content.decode()
    assert not User.objects.exists()
    assert client.post(address, FORM).status_code == 302


def test_nothing_is_made_by_halves() -> None:
    with pytest.raises(Invalid):
        create_first_administrator(token(), "first@example.com", "First", "password1234", origin=VISITOR)
    assert not User.objects.exists()
    assert SetupLink.objects.get().used_at is None


@pytest.mark.parametrize("guess", ["x", "setup", "a" * 43, "%01", "ü"])
def test_a_guess_opens_nothing(client: Client, guess: str) -> None:
    token()
    assert client.get(f"/accounts/setup/{guess}/").status_code == 410


def test_the_token_is_stored_as_a_hash() -> None:
    made = token()
    assert made not in str(SetupLink.objects.values())


def test_the_token_reaches_no_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    made = token()
    client.get(f"/accounts/setup/{made}/")
    line = next(record for record in caplog.records if record.name == "temps.request")
    assert made not in str(line.msg)
    told = mask_secrets(None, "", {"event": f"Gone: /accounts/setup/{made}/", "status": 410})
    assert told == {"event": "Gone: /accounts/setup/[token]/", "status": 410}
    assert logging.getLogger("django.request").level <= logging.WARNING


def test_the_token_is_not_in_the_referer(client: Client) -> None:
    page = client.get(path())
    assert '<meta name="referrer" content="strict-origin">' in page.content.decode()
    assert "no-store" in page["Cache-Control"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_visitors_one_comes_too_late() -> None:
    made, barrier, outcomes = token(), threading.Barrier(3), list[str]()

    def visit(name: str) -> Callable[[], None]:
        def run() -> None:
            barrier.wait()
            try:
                create_first_administrator(made, f"{name}@example.com", name, PASSWORD, origin=VISITOR)
                outcomes.append("made")
            except NotFound:
                outcomes.append("late")
            finally:
                connection.close()

        return run

    threads = [threading.Thread(target=visit(name)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["late", "late", "made"]
    assert User.objects.count() == 1


def test_disabling_the_last_administrator_is_refused_so_no_link_comes_back(world: World) -> None:
    with pytest.raises(Conflict):
        set_active(world.admin, False, actor=world.operator)


def test_the_sign_in_page_says_where_to_begin(client: Client) -> None:
    said = "Not set up yet: open the link that"
    assert said in client.get("/accounts/login/").content.decode()
    create_first_administrator(token(), "first@example.com", "First", PASSWORD, origin=VISITOR)
    assert said not in client.get("/accounts/login/").content.decode()


def test_what_is_marked_has_the_cursor(client: Client) -> None:
    page = client.post(path(), FORM | {"password": "short", "again": "short"}).content.decode()
    (focused,) = [tag for tag in page.split("<input")[1:] if "autofocus" in tag.partition(">")[0]]
    assert 'name="password"' in focused
