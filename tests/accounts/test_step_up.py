"""Step-up: what is hard to undo asks again who is there, alike for the console and the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.forms.models import model_to_dict
from django.test import Client
from rest_framework.test import APIClient

from accounts.mail.services import set_mail_server
from accounts.models import User
from accounts.policy import change_policy, current_policy
from accounts.privacy.notices import publish_notice
from accounts.providers.services import create_provider
from accounts.services import set_password
from accounts.token_keys import rotate_token_key
from accounts.totp import code_at
from audit.exporting.exports import request_export
from audit.retention.services import place_hold, release_hold, set_retention
from audit.sinks.services import create_sink
from projects.services import delete_project
from rbac.models import Grant
from rbac.services import assign_role, remove_role
from rbac.step_up import RECENT, StepUpRequired, is_recent
from secrets_vault.reading import export, resolve, reveal, reveal_all
from secrets_vault.services import set_variable
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Denied
from tests.accounts.events import entries
from tests.world import PASSWORD, World, acting, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-06")]

PAGE, STEP_UP = "/accounts/confirm/", "/api/v1/auth/step-up"
LATER = RECENT + timedelta(seconds=1)
SENSITIVE: dict[str, Callable[[World, Actor], Any]] = {
    "reveal a secret": lambda world, actor: reveal(world.project, None, "TOKEN", actor=actor),
    "reveal all secrets": lambda world, actor: reveal_all(world.project, None, actor=actor),
    "export secrets": lambda world, actor: export(world.project, None, actor=actor),
    "be handed the environment": lambda world, actor: resolve(world.project, world.production, actor=actor),
    "delete a project": lambda world, actor: delete_project(world.project, actor=actor),
    "give a role": lambda world, actor: assign_role(world.nobody, "viewer", project=world.project, actor=actor),
    "take a role": lambda world, actor: remove_role(Grant.objects.get(user=world.viewer), actor=actor),
    "set a password": lambda world, actor: set_password(world.viewer, "another battery staple 43", actor=actor),
    "export the log": lambda world, actor: request_export(date(2026, 1, 1), date(2026, 1, 2), actor=actor),
    "shorten retention": lambda world, actor: set_retention(90, actor=actor),
    "release a hold": lambda world, actor: release_hold(place_hold("a lawsuit", actor=actor).public_id, actor=actor),
    "send the log elsewhere": lambda world, actor: create_sink(
        "logs", "syslog", host="192.0.2.9", port=6514, transport="tls", actor=actor
    ),
}


@pytest.fixture
def secret(world: World) -> World:
    set_variable(world.project, "TOKEN", "value", encrypted=True, actor=world.operator)
    return world


def stale(user: User, kind: CredentialKind = CredentialKind.SESSION) -> Actor:
    """``user``, who confirmed a little too long ago."""
    return replace(acting(user, Credential(kind)), confirmed_at=clock.now() - LATER)


@pytest.mark.parametrize("kind", [CredentialKind.SESSION, CredentialKind.JWT])
@pytest.mark.parametrize("what", SENSITIVE)
def test_it_is_asked_of_people_before(secret: World, what: str, kind: CredentialKind) -> None:
    with pytest.raises(StepUpRequired):
        SENSITIVE[what](secret, stale(secret.admin, kind))
    with pytest.raises(StepUpRequired):
        SENSITIVE[what](secret, replace(stale(secret.admin, kind), confirmed_at=None))
    SENSITIVE[what](secret, acting(secret.admin, Credential(kind)))


def test_whoever_may_not_is_refused_before_they_are_asked(world: World) -> None:
    client = signed_in_api(world.viewer, confirmed=False)
    answer = client.delete(f"/api/v1/projects/{world.project.slug}/")
    assert (answer.status_code, answer.json()["code"]) == (403, "denied")


@pytest.mark.parametrize("kind", [CredentialKind.API_KEY, CredentialKind.LOCAL])
def test_programs_and_the_machine_itself_are_not_asked(secret: World, kind: CredentialKind) -> None:
    assert reveal(secret.project, None, "TOKEN", actor=stale(secret.admin, kind)).value == "value"


PEOPLE_ALONE: dict[str, Callable[[Actor], Any]] = {
    "where mail goes": lambda actor: set_mail_server("smtp", "temps@example.com", host="mail.example.com", actor=actor),
    "who vouches for people": lambda actor: create_provider(
        "elsewhere", "github", client_id="temps", client_secret="a-secret", actor=actor
    ),
    "what signing in demands": lambda actor: change_policy({"require_mfa": "off"}, actor=actor),
    "what people agree to": lambda actor: publish_notice("terms", "1", "Terms", "Text.", actor=actor),
    "what signs tokens": lambda actor: rotate_token_key(actor=actor),
}


@pytest.mark.parametrize("what", PEOPLE_ALONE)
def test_no_key_changes_how_people_prove_who_they_are(world: World, what: str) -> None:
    """A key that was found could otherwise have reset links lead to whoever found it."""
    with pytest.raises(Denied, match="people alone"):
        PEOPLE_ALONE[what](acting(world.admin, Credential(CredentialKind.API_KEY)))


def test_ten_minutes_are_ten_minutes(world: World) -> None:
    actor = acting(world.admin)
    with time_machine.travel(clock.now() + RECENT - timedelta(seconds=5), tick=False):
        assert is_recent(actor)
        assert not is_recent(actor, left=timedelta(minutes=1))
    with time_machine.travel(clock.now() + LATER, tick=False):
        assert not is_recent(actor)


def signed_in_api(user: User, *, confirmed: bool, kind: CredentialKind = CredentialKind.SESSION) -> Any:
    client = APIClient()
    client.force_authenticate(user, acting(user) if confirmed else stale(user, kind))
    return client


def test_the_api_says_what_to_do_and_changes_nothing(secret: World) -> None:
    answer = signed_in_api(secret.owner, confirmed=False).delete(f"/api/v1/projects/{secret.project.slug}/")
    assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")
    assert STEP_UP in answer.json()["detail"]
    assert type(secret.project).objects.filter(pk=secret.project.pk).exists()


def tokens_of(user: User) -> Client:
    """A client with an access token of ``user``, who signed in with a password."""
    pair = Client().post("/api/v1/auth/token", {"email": user.email, "password": PASSWORD}, "application/json").json()
    return Client(headers={"authorization": f"Bearer {pair['access']}"})


def confirm(client: Client, **shown: str) -> Any:
    return client.post(STEP_UP, json.dumps(shown), content_type="application/json")


def test_a_token_is_confirmed_and_goes_on(secret: World) -> None:
    address = f"/api/v1/projects/{secret.project.slug}/"
    with time_machine.travel(clock.now() - timedelta(minutes=15)):
        client = tokens_of(secret.owner)
    assert client.delete(address).json()["code"] == "step_up_required"
    assert confirm(client, password="not my password").json()["code"] == "wrong_credentials"
    assert client.delete(address).json()["code"] == "step_up_required"
    assert confirm(client, password=PASSWORD).status_code == 204
    assert client.delete(address).status_code == 204


def test_who_has_a_second_factor_confirms_with_it_and_not_with_the_password(world: World) -> None:
    device = enrol(world.owner)
    client = signed_in_api(world.owner, confirmed=True)
    assert confirm(client, password=PASSWORD).json()["code"] == "otp_required"
    assert confirm(client, otp="000000").json()["code"] == "wrong_otp"
    assert confirm(client, otp=code_at(device, clock.now().timestamp())).json()["code"] == "too_many_attempts"


def test_confirming_is_recorded_and_so_is_failing(world: World) -> None:
    client = tokens_of(world.owner)
    confirm(client, password="not my password")
    confirm(client, password=PASSWORD)
    success, failure = entries("STEP_UP")
    assert (success["result"], failure["result"]) == ("success", "failure")
    assert success["metadata"]["shown"] == "password"
    assert "not my password" not in str(entries("STEP_UP"))


def test_a_key_cannot_confirm(world: World) -> None:
    client = APIClient()
    client.force_authenticate(world.owner, acting(world.owner, Credential(CredentialKind.API_KEY, id="key_x")))
    assert confirm(client, password=PASSWORD).json()["code"] == "denied"


def test_one_sign_in_does_not_confirm_another(secret: World) -> None:
    with time_machine.travel(clock.now() - timedelta(minutes=15)):
        here, elsewhere = tokens_of(secret.owner), tokens_of(secret.owner)
    assert confirm(here, password=PASSWORD).status_code == 204
    assert elsewhere.delete(f"/api/v1/projects/{secret.project.slug}/").json()["code"] == "step_up_required"


def test_guessing_is_counted_with_the_sign_ins(world: World, still_clock: None) -> None:
    client = tokens_of(world.owner)
    codes = [confirm(client, password=f"guess {number}").json()["code"] for number in range(12)]
    assert codes[-1] == "too_many_attempts"


def an_hour_ago(user: User) -> Client:
    """A browser that signed in without a second factor, an hour ago."""
    client = Client()
    with time_machine.travel(clock.now() - timedelta(hours=1)):
        client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def test_the_console_asks_before_it_shows_the_form(world: World) -> None:
    client, page = an_hour_ago(world.owner), f"/projects/project/{world.project.pk}/delete/"
    answer = client.get(page)
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?next={page.replace('/', '%2F')}")
    assert client.post(page, {"post": "yes"})["Location"].startswith(PAGE)
    assert type(world.project).objects.filter(pk=world.project.pk).exists()
    confirmed = client.post(PAGE, {"password": PASSWORD, "next": page})
    assert (confirmed.status_code, confirmed["Location"]) == (302, page)
    assert client.get(page).status_code == 200
    client.post(page, {"post": "yes"})
    assert not type(world.project).objects.filter(pk=world.project.pk).exists()


def test_what_exists_is_shown_to_read_until_then(world: World) -> None:
    change_policy({"require_mfa": "off"}, actor=world.operator)
    client, page = an_hour_ago(world.admin), "/accounts/signinpolicy/1/change/"
    shown = client.get(page).content.decode()
    assert "Confirm that it is you</a> to change this" in shown
    assert 'name="require_mfa"' not in shown
    given = model_to_dict(current_policy()) | {"require_mfa": "everyone", "sign_up_domains": ""}
    assert client.post(page, given)["Location"].startswith(PAGE)
    assert current_policy().require_mfa == "off"
    client.post(PAGE, {"password": PASSWORD, "next": page})
    assert 'name="require_mfa"' in client.get(page).content.decode()


def test_confirming_gives_the_session_a_new_id(world: World) -> None:
    """Whoever else has the old one is not confirmed along."""
    client = an_hour_ago(world.owner)
    thief = Client()
    thief.cookies["temps_session"] = client.cookies["temps_session"].value
    assert thief.get("/api/v1/users/me/").status_code == 200
    client.post(PAGE, {"password": PASSWORD})
    assert client.get("/api/v1/users/me/").status_code == 200
    assert thief.get("/api/v1/users/me/").status_code == 401


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_one_is_never_sent_elsewhere_after_it(world: World, target: str) -> None:
    client = an_hour_ago(world.owner)
    assert client.post(PAGE, {"password": PASSWORD, "next": target})["Location"] == "/"


def test_strangers_and_half_signed_in_people_do_not_see_the_page(world: World, client: Client) -> None:
    assert client.get(PAGE)["Location"] == "/accounts/login/"
    enrol(world.owner)
    client.post("/accounts/login/", {"login": world.owner.email, "password": PASSWORD})
    assert client.get(PAGE)["Location"] == "/accounts/login/"
    assert client.post(PAGE, {"password": PASSWORD})["Location"] == "/accounts/login/"


def test_a_wrong_password_stays_on_the_page(world: World) -> None:
    answer = an_hour_ago(world.owner).post(PAGE, {"password": "guess", "next": "/projects/project/"})
    assert "that is not your password" in answer.content.decode()
    assert 'value="/projects/project/"' in answer.content.decode()


def test_who_has_neither_password_nor_factor_signs_in_again(world: World) -> None:
    client = an_hour_ago(world.owner)
    session = client.session
    world.owner.set_unusable_password()
    world.owner.save()
    session["_auth_user_hash"] = world.owner.get_session_auth_hash()
    session.save()
    assert "Sign out and in again" in client.get(PAGE).content.decode()
    assert confirm(signed_in_api(world.owner, confirmed=True), password="").json()["code"] == "invalid"
