"""The second factor at sign-in: by app, passkey or recovery code, and a passkey alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from webauthn.helpers import base64url_to_bytes

from accounts.mfa.factors import reset_factors
from accounts.mfa.models import Passkey
from accounts.mfa.recovery import make_recovery_codes, recovery_codes_of
from accounts.models import User
from accounts.policy import factors_of, set_require_mfa
from accounts.services import set_active
from tests.accounts.events import entries
from tests.accounts.mfa.authenticator import UP, Authenticator, enrol_passkey
from tests.accounts.test_sign_in import CODE, CODES, ENROL, LOGIN, is_signed_in, send_code, sign_in
from tests.world import World, acting, enrol

pytestmark = [pytest.mark.promise("A-04"), pytest.mark.usefixtures("here")]

ALONE = "/accounts/login/passkey/"


def challenge_of(client: Client, path: str) -> bytes:
    answer = client.post(f"{path}options/")
    assert answer.status_code == 200, answer.content
    return base64url_to_bytes(answer.json()["challenge"])


def answer_with(client: Client, device: Authenticator, path: str, **how: Any) -> Any:
    return client.post(path, {"credential": device.get(challenge_of(client, path), **how), "next": how.get("next", "")})


def test_a_passkey_alone_signs_in_also_where_a_second_factor_is_asked(here: Client, world: World) -> None:
    device, passkey = enrol_passkey(world.admin)
    assert answer_with(here, device, ALONE)["Location"] == "/"
    assert is_signed_in(here)
    entry = entries("USER_SIGN_IN")[0]
    assert (entry["metadata"]["way"], entry["metadata"]["secondFactor"]) == ("passkey", True)
    assert here.session["confirmed"]["factor"] == passkey.public_id


def test_a_password_and_then_a_passkey(here: Client, world: World) -> None:
    device, _passkey = enrol_passkey(world.member)
    assert sign_in(here, world.member)["Location"] == CODE
    assert not is_signed_in(here)
    page = here.get(CODE).content.decode()
    assert "Use your passkey" in page
    assert 'name="code"' not in page
    assert answer_with(here, device, CODE)["Location"] == "/"
    assert is_signed_in(here)


def test_a_password_and_then_a_recovery_code(here: Client, world: World) -> None:
    enrol(world.member)
    codes = make_recovery_codes(world.member, actor=acting(world.member))
    sign_in(here, world.member)
    assert here.post(CODE, {"recovery_code": codes[0]})["Location"] == "/"
    assert is_signed_in(here)
    other = Client()
    sign_in(other, world.member)
    assert "used already" in other.post(CODE, {"recovery_code": codes[0]}).content.decode()
    assert not is_signed_in(other)


def test_all_ways_are_offered_to_whoever_has_them_all(here: Client, world: World) -> None:
    enrol(world.member)
    enrol_passkey(world.member)
    make_recovery_codes(world.member, actor=acting(world.member))
    sign_in(here, world.member)
    page = here.get(CODE).content.decode()
    assert all(text in page for text in ('name="code"', "Use a passkey", 'name="recovery_code"'))


def test_recovery_codes_that_are_used_up_are_not_offered(here: Client, world: World) -> None:
    enrol(world.member)
    make_recovery_codes(world.member, actor=acting(world.member))
    codes = recovery_codes_of(world.member)
    assert codes is not None
    codes.hashes = []
    codes.save()
    sign_in(here, world.member)
    assert 'name="recovery_code"' not in here.get(CODE).content.decode()


@pytest.mark.promise("A-05")
def test_a_passkey_is_enrolled_at_sign_in_where_one_is_asked(here: Client, world: World) -> None:
    sign_in(here, world.admin)
    device = Authenticator()
    credential = device.create(challenge_of(here, ENROL), world.admin)
    page = here.post(ENROL, {"credential": credential})
    assert page.content.decode().count("<li><code>") == 10
    assert "no-store" in page["Cache-Control"]
    assert not is_signed_in(here)
    assert here.post(CODES)["Location"] == "/"
    assert is_signed_in(here)
    assert answer_with(Client(HTTP_HOST="localhost"), device, ALONE)["Location"] == "/"


def test_the_recovery_codes_are_shown_once(here: Client, world: World) -> None:
    sign_in(here, world.admin)
    send_code(here, world.admin, ENROL)
    assert here.get(ENROL)["Location"] == CODES, "whoever reloads is led back"
    assert "shown already" in here.get(CODES).content.decode()
    assert "shown already" in here.post(CODES, {"make": "yes"}).content.decode()
    assert here.post(CODES)["Location"] == "/"


def test_whoever_lost_the_page_before_the_codes_were_made_gets_them(here: Client, world: World) -> None:
    sign_in(here, world.admin)
    send_code(here, world.admin, ENROL)
    codes = recovery_codes_of(world.admin)
    assert codes is not None
    codes.delete()
    assert "Show my recovery codes" in here.get(CODES).content.decode()
    assert here.post(CODES, {"make": "yes"}).content.decode().count("<li><code>") == 10


@pytest.mark.promise("A-05")
@pytest.mark.parametrize("path", [CODES, f"{CODE}options/", f"{ENROL}options/", ENROL])
def test_no_stage_is_reached_ahead_of_the_factor(here: Client, world: World, path: str) -> None:
    enrol(world.admin)
    enrol_passkey(world.admin)
    sign_in(here, world.admin)
    if path == f"{CODE}options/":
        here.cookies.clear()
    assert here.post(path, {"make": "yes"}).status_code == 302
    assert not is_signed_in(here)
    assert recovery_codes_of(world.admin) is None


@pytest.mark.promise("A-05")
def test_an_enrolment_begun_by_somebody_with_the_password_ends_with_the_owner_s(here: Client, world: World) -> None:
    thief = Client(HTTP_HOST="localhost")
    sign_in(thief, world.admin)
    challenge = challenge_of(thief, ENROL)
    sign_in(here, world.admin)
    send_code(here, world.admin, ENROL)
    here.post(CODES)
    answer = thief.post(ENROL, {"credential": Authenticator().create(challenge, world.admin)})
    assert answer["Location"] == LOGIN
    assert not Passkey.objects.exists()
    assert is_signed_in(here)


def test_a_challenge_that_one_sign_in_was_shown_is_not_answered_in_another(here: Client, world: World) -> None:
    device, _passkey = enrol_passkey(world.member)
    other = Client(HTTP_HOST="localhost")
    answered = device.get(challenge_of(other, ALONE))
    challenge_of(here, ALONE)
    assert here.post(ALONE, {"credential": answered}).status_code == 401
    assert not is_signed_in(here)


def test_an_answer_is_good_once(here: Client, world: World) -> None:
    device, _passkey = enrol_passkey(world.member)
    device.counts = False
    answered = device.get(challenge_of(here, ALONE))
    assert here.post(ALONE, {"credential": answered}).status_code == 302
    here.post("/accounts/logout/")
    assert here.post(ALONE, {"credential": answered}).status_code == 401


@pytest.mark.parametrize("how", [{"origin": "http://evil.example"}, {"flags": UP}, {"rp_id": "evil.example"}], ids=str)
def test_an_answer_for_elsewhere_does_not_sign_in(here: Client, world: World, how: dict[str, Any]) -> None:
    device, _passkey = enrol_passkey(world.member)
    answer = answer_with(here, device, ALONE, **how)
    assert answer.status_code == 401
    assert "could not be accepted" in answer.content.decode()
    assert not is_signed_in(here)


def test_the_first_factor_of_one_and_the_passkey_of_another_are_not_two(here: Client, world: World) -> None:
    enrol_passkey(world.member)
    thief, _passkey = enrol_passkey(world.outsider)
    sign_in(here, world.member)
    assert "could not be accepted" in answer_with(here, thief, CODE).content.decode()
    assert not is_signed_in(here)


def test_unknown_and_disabled_answer_alike(here: Client, world: World) -> None:
    unknown, (device, _passkey) = Authenticator(), enrol_passkey(world.member)
    set_active(world.member, False, actor=world.operator)
    first, second = (answer_with(here, one, ALONE) for one in (unknown, device))
    assert first.status_code == second.status_code == 401
    assert first.content == second.content
    assert (
        here.post(f"{ALONE}options/").json().keys()
        == Client(HTTP_HOST="localhost").post(f"{ALONE}options/").json().keys()
    )


@pytest.mark.promise("O-10")
def test_a_passkey_leads_nowhere_off_the_site(here: Client, world: World) -> None:
    device, _passkey = enrol_passkey(world.member)
    assert answer_with(here, device, ALONE, next="https://evil.example/")["Location"] == "/"
    here.post("/accounts/logout/")
    assert answer_with(here, device, ALONE, next="/projects/project/")["Location"] == "/projects/project/"


@pytest.mark.parametrize(
    ("host", "secure", "said"),
    [
        ("testserver", False, "need https"),
        ("127.0.0.1", True, "host name"),
        ("localhost", False, ""),
        ("testserver", True, ""),
    ],
)
def test_where_browsers_have_no_passkeys_it_is_said(db: None, host: str, secure: bool, said: str) -> None:
    answer = Client(HTTP_HOST=host).post(f"{ALONE}options/", secure=secure)
    assert answer.status_code == (400 if said else 200)
    assert said in answer.content.decode()


def test_another_host_s_name_is_refused(db: None) -> None:
    assert Client(HTTP_HOST="evil.example").post(f"{ALONE}options/", secure=True).status_code == 400


@pytest.mark.promise("O-10")
def test_a_planted_session_does_not_stand_behind_the_passkey(here: Client, world: World) -> None:
    device, _passkey = enrol_passkey(world.member)
    answered = device.get(challenge_of(here, ALONE))
    planted = str(here.session.session_key)
    here.post(ALONE, {"credential": answered})
    thief = Client(HTTP_HOST="localhost")
    thief.cookies["temps_session"] = planted
    assert is_signed_in(here)
    assert not is_signed_in(thief)


def test_a_passkey_ends_the_session_of_whoever_was_signed_in_here(
    at_home: Callable[[User], Client], world: World
) -> None:
    client = at_home(world.admin)
    device, _passkey = enrol_passkey(world.member)
    answer_with(client, device, ALONE)
    assert client.get("/api/v1/users/me/").json()["email"] == world.member.email


@pytest.mark.promise("A-05")
def test_taking_the_factors_away_opens_nothing(here: Client, world: World) -> None:
    device, _passkey = enrol_passkey(world.admin)
    answer_with(here, device, ALONE)
    assert is_signed_in(here)
    reset_factors(world.admin, actor=world.operator)
    assert not is_signed_in(here)
    assert answer_with(Client(HTTP_HOST="localhost"), device, ALONE).status_code == 401
    assert sign_in(Client(), world.admin)["Location"] == ENROL


@pytest.mark.promise("A-05")
def test_a_passkey_that_was_taken_away_during_the_sign_in_does_not_count(here: Client, world: World) -> None:
    enrol(world.member)
    device, passkey = enrol_passkey(world.member)
    sign_in(here, world.member)
    credential = device.get(challenge_of(here, CODE))
    passkey.delete()
    here.post(CODE, {"credential": credential})
    assert not is_signed_in(here)


@pytest.mark.usefixtures("still_clock")
def test_tries_are_counted_by_address(here: Client, world: World) -> None:
    answers = [here.post(ALONE, {"credential": "{}"}).status_code for _ in range(31)]
    assert answers == [401] * 30 + [429]


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("path", [ALONE, f"{ALONE}options/"])
def test_the_forms_are_refused_across_sites(world: World, path: str) -> None:
    assert Client(enforce_csrf_checks=True, HTTP_HOST="localhost").post(path).status_code == 403


def test_factors_are_told_apart_by_their_ids(world: World) -> None:
    set_require_mfa("off", actor=world.operator)
    app, (_device, passkey) = enrol(world.owner), enrol_passkey(world.owner)
    make_recovery_codes(world.owner, actor=acting(world.owner))
    codes = recovery_codes_of(world.owner)
    assert codes is not None
    assert factors_of(world.owner) == {app.public_id, passkey.public_id, codes.public_id}
    assert factors_of(world.member) == frozenset()
