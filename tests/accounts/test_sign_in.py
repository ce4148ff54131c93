"""Signing in with a browser: password, second factor, and what lies between them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from accounts.mfa.factors import reset_factors
from accounts.models import TotpDevice, User
from accounts.policy import factor_of, set_require_mfa
from accounts.services import set_active, set_password
from accounts.totp import STEP, code_at
from rbac.services import assign_role
from temps.lib import clock
from tests.accounts.events import entries
from tests.world import PASSWORD, World, enrol

CODES = "/accounts/login/recovery-codes/"
LOGIN, CODE, ENROL, LOGOUT = "/accounts/login/", "/accounts/login/code/", "/accounts/login/enrol/", "/accounts/logout/"
ME = "/api/v1/users/me/"


def sign_in(client: Client, user: User | str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(LOGIN, {"login": str(user), "password": password, **more})


def send_code(client: Client, user: User, path: str = CODE, *, steps: int = 0) -> Any:
    device = TotpDevice.objects.get(user=user)
    return client.post(path, {"code": code_at(device, clock.now().timestamp() + steps * STEP)})


def enrol_by_code(client: Client, user: User) -> Any:
    """Finish the enrolment: the first code, and on from the recovery codes that it shows."""
    assert "recovery codes" in send_code(client, user, ENROL).content.decode()
    assert not is_signed_in(client)
    return client.post(CODES)


def is_signed_in(client: Client) -> bool:
    return client.get(ME).status_code == 200


@pytest.mark.promise("A-01", "L-01")
def test_a_password_is_enough_where_no_second_factor_is_asked(client: Client, world: World) -> None:
    answer = sign_in(client, world.member, next="/projects/project/")
    assert (answer.status_code, answer["Location"]) == (302, "/projects/project/")
    assert is_signed_in(client)
    assert entries("USER_SIGN_IN")[0]["userEmail"] == world.member.email


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_one_is_never_sent_elsewhere_after_it(client: Client, world: World, target: str) -> None:
    assert sign_in(client, world.member, next=target)["Location"] == "/"


@pytest.mark.parametrize("who", ["member@example.com", "stranger@example.com", "disabled", "service"])
def test_every_failure_has_the_same_answer_and_the_same_work(
    client: Client, world: World, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = {"disabled": world.viewer.email, "service": "operator@service.invalid"}
    set_active(world.viewer, False, actor=world.operator)
    hashed: list[str] = []
    encode, verify = Argon2PasswordHasher.encode, Argon2PasswordHasher.verify
    monkeypatch.setattr(Argon2PasswordHasher, "encode", lambda *a: hashed.append("encode") or encode(*a))
    monkeypatch.setattr(Argon2PasswordHasher, "verify", lambda *a: hashed.append("verify") or verify(*a))
    answer = sign_in(client, addresses.get(who, who), PASSWORD if who == "disabled" else "wrong password")
    assert answer.status_code == 200
    assert "That address and password do not belong together." in answer.content.decode()
    assert len(hashed) == 1
    assert not is_signed_in(client)


@pytest.mark.promise("L-01", "L-02")
def test_a_failure_is_recorded_under_the_address_that_was_tried(client: Client, world: World) -> None:
    sign_in(client, world.member, "not the password")
    entry = entries("USER_SIGN_IN")[0]
    assert (entry["result"], entry["userEmail"], entry["userId"]) == ("failure", world.member.email, "anonymous")
    assert "not the password" not in str(entry)


def test_a_password_in_the_wrong_field_is_not_recorded(client: Client, world: World) -> None:
    world.operator.memo.clear()
    sign_in(client, "my-secret-password@", PASSWORD)
    assert "my-secret-password" not in str(entries("USER_SIGN_IN"))


@pytest.mark.promise("A-05")
def test_between_password_and_code_there_are_no_rights(client: Client, world: World) -> None:
    enrol(world.admin)
    assert sign_in(client, world.admin)["Location"] == CODE
    for path in (ME, "/api/v1/projects/", "/api/v1/api-keys/", "/api/v1/users/"):
        assert client.get(path).status_code == 401
    assert client.get("/")["Location"].startswith("/")
    assert client.get("/accounts/user/").status_code == 302
    assert send_code(client, world.admin).status_code == 302
    assert is_signed_in(client)


@pytest.mark.promise("A-04")
def test_a_wrong_code_and_a_code_used_before_do_not_pass(client: Client, world: World) -> None:
    enrol(world.admin)
    sign_in(client, world.admin)
    assert "not right" in client.post(CODE, {"code": "000000"}).content.decode()
    TotpDevice.objects.update(throttling_failure_count=0)
    assert send_code(client, world.admin).status_code == 302
    other = Client()
    sign_in(other, world.admin)
    assert "used already" in send_code(other, world.admin).content.decode()
    assert not is_signed_in(other)


def test_a_wait_after_a_wrong_code_is_told(client: Client, world: World) -> None:
    enrol(world.admin)
    sign_in(client, world.admin)
    client.post(CODE, {"code": "000000"})
    TotpDevice.objects.update(throttling_failure_count=8)
    assert "wait 128 seconds" in send_code(client, world.admin).content.decode()


@pytest.mark.promise("A-05")
def test_an_administrator_without_a_second_factor_reaches_enrolment_alone(client: Client, world: World) -> None:
    assert sign_in(client, world.admin)["Location"] == ENROL
    assert client.get(ME).status_code == 401
    assert client.get("/")["Location"].startswith("/")
    page = client.get(ENROL)
    assert "no-store" in page["Cache-Control"]
    assert "<svg" in page.content.decode()
    assert enrol_by_code(client, world.admin)["Location"] == "/"
    assert is_signed_in(client)
    assert factor_of(world.admin) is not None


def test_each_enrolment_shows_a_secret_of_its_own_and_the_later_one_counts(client: Client, world: World) -> None:
    other = Client()
    sign_in(client, world.admin)
    first = client.get(ENROL).content
    assert client.get(ENROL).content.count(b"<svg") == 1
    sign_in(other, world.admin)
    assert other.get(ENROL).content != first
    assert client.get(ENROL)["Location"] == LOGIN
    assert enrol_by_code(other, world.admin)["Location"] == "/"


@pytest.mark.promise("A-05")
def test_a_session_whose_user_becomes_an_administrator_is_nobodys(client: Client, world: World) -> None:
    sign_in(client, world.member)
    assert is_signed_in(client)
    assign_role(world.member, "admin", actor=world.operator)
    assert client.get(ME).status_code == 401
    assert client.get("/accounts/user/").status_code == 302
    assert "now asks for a second factor" in client.get(f"{LOGIN}?next=/accounts/user/").content.decode()
    assert client.get(ENROL)["Location"] == LOGIN, "a stolen session must not enrol an app of the thief's"
    assert sign_in(client, world.member)["Location"] == ENROL
    enrol_by_code(client, world.member)
    assert is_signed_in(client)


@pytest.mark.promise("A-05")
def test_a_session_without_the_factor_that_was_enrolled_meanwhile_is_nobodys(client: Client, world: World) -> None:
    sign_in(client, world.member)
    enrol(world.member)
    assert client.get(ME).status_code == 401
    assert "now asks for a second factor" in client.get(LOGIN).content.decode()
    assert sign_in(client, world.member)["Location"] == CODE
    send_code(client, world.member)
    assert is_signed_in(client)


@pytest.mark.promise("A-05")
def test_the_policy_is_the_operators(client: Client, world: World) -> None:
    set_require_mfa("everyone", actor=world.operator)
    assert sign_in(client, world.member)["Location"] == ENROL
    set_require_mfa("off", actor=world.operator)
    other = Client()
    assert sign_in(other, world.admin)["Location"] == "/"
    assert is_signed_in(other)


@pytest.mark.promise("A-05")
def test_a_session_ends_with_the_second_factor_it_passed(signed_in: Any, world: World) -> None:
    client = signed_in(world.admin)
    assert is_signed_in(client)
    reset_factors(world.admin, actor=world.operator)
    assert not is_signed_in(client)


def test_a_disabled_user_is_nobody_at_once(signed_in: Any, world: World) -> None:
    client = signed_in(world.member)
    assert is_signed_in(client)
    set_active(world.member, False, actor=world.operator)
    assert not is_signed_in(client)
    assert client.get("/").status_code == 302


def test_disabled_between_password_and_code(client: Client, world: World) -> None:
    enrol(world.member)
    sign_in(client, world.member)
    set_active(world.member, False, actor=world.operator)
    assert send_code(client, world.member)["Location"] == LOGIN
    assert not is_signed_in(client)


def test_a_password_changed_between_password_and_code_starts_over(client: Client, world: World) -> None:
    enrol(world.member)
    sign_in(client, world.member)
    set_password(world.member, "another unguessable phrase 9", actor=world.operator)
    assert send_code(client, world.member)["Location"] == LOGIN
    assert not is_signed_in(client)


def test_a_changed_password_ends_sessions(signed_in: Any, world: World) -> None:
    client = signed_in(world.member)
    set_password(world.member, "another unguessable phrase 9", actor=world.operator)
    assert not is_signed_in(client)


def test_a_session_says_when_the_second_factor_was_passed(client: Client, world: World) -> None:
    enrol(world.admin)
    before = clock.now()
    sign_in(client, world.admin)
    send_code(client, world.admin)
    answer = client.get("/")
    assert before <= answer.wsgi_request.actor.confirmed_at <= clock.now()


@pytest.mark.promise("L-01")
def test_signing_out_is_a_post_and_is_recorded(signed_in: Any, world: World) -> None:
    client = signed_in(world.member)
    assert client.get(LOGOUT).status_code == 200
    assert is_signed_in(client)
    client.post(LOGOUT)
    assert not is_signed_in(client)
    assert entries("USER_SIGN_OUT")[0]["userEmail"] == world.member.email


def test_one_may_turn_back_at_the_second_factor(client: Client, world: World) -> None:
    enrol(world.admin)
    sign_in(client, world.admin)
    client.post(LOGOUT)
    assert client.get(CODE)["Location"] == LOGIN
    assert sign_in(client, world.member)["Location"] == "/"


def test_the_session_gets_a_new_name_at_sign_in(client: Client, world: World) -> None:
    enrol(world.admin)
    client.get(LOGIN)
    sign_in(client, world.admin)
    before = client.session.session_key
    send_code(client, world.admin)
    assert client.session.session_key != before


@pytest.mark.promise("O-10")
def test_the_forms_are_refused_across_sites(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = sign_in(client, world.member)
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()


@pytest.mark.parametrize("path", ["/login/", "/logout/", "/accounts/signup/", "/accounts/password/reset/"])
def test_there_is_no_other_way_in(client: Client, world: World, path: str) -> None:
    answer = client.post(path, {"username": world.member.email, "login": world.member.email, "password": PASSWORD})
    assert answer.status_code in (302, 404)
    assert not is_signed_in(client)
