from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import TokenFamily, TotpDevice, User
from accounts.services import set_active, set_password
from accounts.tokens import actor_of_token
from accounts.totp import code_at
from rbac.services import assign_role
from temps.lib import clock
from tests.accounts.events import entries
from tests.world import PASSWORD, World, enrol

pytestmark = pytest.mark.promise("A-07")

TOKEN, REFRESH, REVOKE, ME = "/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/auth/revoke", "/api/v1/users/me/"


def ask(path: str, **body: str) -> Any:
    return Client().post(path, body, content_type="application/json")


def obtain(user: User, **more: str) -> Any:
    return ask(TOKEN, email=user.email, password=PASSWORD, **more)


def status(token: str, path: str = ME) -> int:
    return Client().get(path, headers={"authorization": f"Bearer {token}"}).status_code


def claims(token: str) -> dict[str, Any]:
    middle = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return found


def test_a_password_buys_a_pair_of_tokens(world: World) -> None:
    answer = obtain(world.member)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    pair = answer.json()
    assert (pair["expires_in"], pair["token_type"]) == (1800, "Bearer")
    me = Client().get(ME, headers={"authorization": f"Bearer {pair['access']}"}).json()
    assert me["email"] == world.member.email
    assert claims(pair["access"])["amr"] == ["pwd"]
    assert entries("TOKEN_ISSUE")[0]["userEmail"] == world.member.email


def test_no_token_is_stored(world: World) -> None:
    pair = obtain(world.member).json()
    stored = str(TokenFamily.objects.values())
    assert not any(part in stored for token in (pair["access"], pair["refresh"]) for part in token.split(".")[1:])


@pytest.mark.parametrize("email", ["member@example.com", "stranger@example.com"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(world: World, email: str) -> None:
    answer = ask(TOKEN, email=email, password="wrong")
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")
    assert answer.json()["detail"] == "that address and password do not belong together"


@pytest.mark.promise("A-05")
def test_the_second_factor_is_asked_for(world: World) -> None:
    device = enrol(world.admin)
    assert obtain(world.admin).json()["code"] == "otp_required"
    assert obtain(world.admin, otp="000000").json()["code"] == "wrong_otp"
    TotpDevice.objects.update(throttling_failure_count=0)
    pair = obtain(world.admin, otp=code_at(device, clock.now().timestamp())).json()
    assert claims(pair["access"])["amr"] == ["pwd", "otp", "mfa"]
    actor = actor_of_token(pair["access"], address=None)
    assert actor.confirmed_at is not None
    assert obtain(world.admin, otp=code_at(device, clock.now().timestamp())).json()["code"] == "wrong_otp"


def test_tries_too_soon_after_a_wrong_code_are_not_looked_at(world: World) -> None:
    device = enrol(world.admin)
    obtain(world.admin, otp="000000")
    answer = obtain(world.admin, otp=code_at(device, clock.now().timestamp()))
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.promise("A-05")
def test_an_administrator_without_a_second_factor_gets_no_token(world: World) -> None:
    answer = obtain(world.admin)
    assert (answer.status_code, answer.json()["code"]) == (401, "mfa_enrolment_required")
    assert not TokenFamily.objects.exists()


@pytest.mark.promise("A-05")
def test_a_token_stops_when_a_second_factor_is_asked_of_its_owner(world: World) -> None:
    access = obtain(world.member).json()["access"]
    assert status(access) == 200
    assign_role(world.member, "admin", actor=world.operator)
    assert status(access) == 401


def test_a_refresh_token_works_once_and_its_second_use_ends_the_family(world: World) -> None:
    first = obtain(world.member).json()
    second = ask(REFRESH, refresh=first["refresh"]).json()
    assert status(second["access"]) == 200
    assert ask(REFRESH, refresh=first["refresh"]).status_code == 401
    assert ask(REFRESH, refresh=second["refresh"]).status_code == 401
    assert status(second["access"]) == 401
    assert entries("TOKEN_REVOKE")[0]["result"] == "failure"


def test_another_family_of_the_same_user_goes_on(world: World) -> None:
    stolen, mine = obtain(world.member).json(), obtain(world.member).json()
    ask(REFRESH, refresh=stolen["refresh"])
    ask(REFRESH, refresh=stolen["refresh"])
    assert status(mine["access"]) == 200


@pytest.mark.parametrize("which", ["access", "refresh"])
def test_signing_out_ends_every_token_of_the_sign_in(world: World, which: str) -> None:
    pair = obtain(world.member).json()
    assert ask(REVOKE, token=pair[which]).status_code == 204
    assert status(pair["access"]) == 401
    assert ask(REFRESH, refresh=pair["refresh"]).status_code == 401
    assert ask(REVOKE, token=pair[which]).status_code == 204
    assert len(entries("TOKEN_REVOKE")) == 1


def test_a_disabled_user_and_a_changed_password_are_refused_at_once(world: World) -> None:
    pair, other = obtain(world.member).json(), obtain(world.viewer).json()
    set_active(world.member, False, actor=world.operator)
    set_password(world.viewer, "another unguessable phrase 9", actor=world.operator)
    for tokens in (pair, other):
        assert status(tokens["access"]) == 401
        assert ask(REFRESH, refresh=tokens["refresh"]).status_code == 401


def test_access_ends_after_half_an_hour_and_refreshing_after_a_day(world: World) -> None:
    pair = obtain(world.member).json()
    with time_machine.travel(clock.now() + timedelta(minutes=30, seconds=1)):
        assert status(pair["access"]) == 401
        pair = ask(REFRESH, refresh=pair["refresh"]).json()
        assert status(pair["access"]) == 200
    with time_machine.travel(clock.now() + timedelta(days=2)):
        assert ask(REFRESH, refresh=pair["refresh"]).status_code == 401


def test_a_family_ends_after_thirty_days_however_often_it_was_refreshed(world: World) -> None:
    pair = obtain(world.member).json()
    with time_machine.travel(clock.now(), tick=False) as time:
        for _ in range(38):
            time.shift(timedelta(hours=18.9))
            pair = ask(REFRESH, refresh=pair["refresh"]).json()
        time.shift(timedelta(hours=18.9))
        assert ask(REFRESH, refresh=pair["refresh"]).status_code == 401


def test_a_token_is_good_for_its_own_purpose_alone(world: World) -> None:
    pair = obtain(world.member).json()
    assert status(pair["refresh"]) == 401
    assert ask(REFRESH, refresh=pair["access"]).status_code == 401


def test_a_credential_that_is_no_good_is_told_also_where_none_is_needed(world: World) -> None:
    assert Client().get("/api/v1/").status_code == 200
    assert status("nonsense", "/api/v1/") == 401
    assert Client().get("/api/v1/", headers={"authorization": "Basic dTpw"}).status_code == 200


def test_what_is_missing_is_named(world: World) -> None:
    answer = ask(TOKEN, email="member@example.com")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["password"])
    assert ask(REFRESH).status_code == 400


@pytest.mark.usefixtures("still_clock")
def test_tries_are_limited(world: World) -> None:
    answers = [ask(TOKEN, email=world.member.email, password="wrong") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 6 + [429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert answers[-1].json()["code"] == "too_many_attempts"
