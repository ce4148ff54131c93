from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from rest_framework.test import APIClient

from accounts.mfa.models import RecoveryCodes
from accounts.mfa.recovery import (
    make_recovery_codes,
    recovery_codes_of,
    use_recovery_code,
    wait_for_recovery,
)
from accounts.models import User
from accounts.sessions import without_rights
from accounts.totp import Verdict, wait_of
from rbac.step_up import StepUpRequired
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied
from tests.accounts.events import entries
from tests.world import PASSWORD, World, acting, build, enrol

pytestmark = pytest.mark.promise("A-04")

WRONG = "zzzzz-zzzzz-zzzzz"


def made(user: User) -> list[str]:
    enrol(user)
    return make_recovery_codes(user, actor=acting(user))


def spend(user: User, code: str) -> Verdict:
    return use_recovery_code(user, code, actor=without_rights(user, Actor.anonymous(address="192.0.2.7")))


def test_ten_codes_that_nobody_mistakes_and_nobody_guesses(world: World) -> None:
    codes = made(world.owner)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[2-9a-hjkmnp-z]{5}(-[2-9a-hjkmnp-z]{5}){2}", code) for code in codes)
    assert 31**15 > 2**50


def test_what_is_stored_and_recorded_is_no_code(world: World) -> None:
    codes = made(world.owner)
    spend(world.owner, codes[0])
    recorded = [entries("RECOVERY_CODES_CREATE"), entries("RECOVERY_CODE_USE")]
    kept = str(list(RecoveryCodes.objects.values())) + str(recorded)
    assert all(recorded)
    assert not [code for code in codes if code in kept or code.replace("-", "") in kept]


def test_a_code_passes_once(world: World) -> None:
    codes = made(world.owner)
    assert spend(world.owner, codes[3]) is Verdict.ACCEPTED
    assert entries("RECOVERY_CODE_USE")[0]["metadata"]["left"] == 9
    assert spend(world.owner, codes[3]) is Verdict.WRONG
    kept = recovery_codes_of(world.owner)
    assert kept is not None
    assert (kept.left, kept.are_few, kept.last_used_at is None) == (9, False, False)


def test_case_blanks_and_dashes_do_not_matter(world: World) -> None:
    code = made(world.owner)[0]
    assert spend(world.owner, f" {code.upper().replace('-', ' ')}\n") is Verdict.ACCEPTED


def test_they_are_their_owner_s_alone(world: World) -> None:
    codes = made(world.owner)
    made(world.member)
    assert spend(world.member, codes[0]) is Verdict.WRONG
    assert spend(world.nobody, codes[0]) is Verdict.WRONG


def test_new_ones_void_the_old_ones(world: World) -> None:
    old = made(world.owner)
    before = recovery_codes_of(world.owner)
    new = make_recovery_codes(world.owner, actor=acting(world.owner))
    after = recovery_codes_of(world.owner)
    assert before is not None
    assert after is not None
    assert before.public_id != after.public_id
    assert [spend(world.owner, old[0]), spend(world.owner, WRONG)] == [Verdict.WRONG, Verdict.THROTTLED]
    with time_machine.travel(clock.now() + timedelta(seconds=5)):
        assert spend(world.owner, new[0]) is Verdict.ACCEPTED


def test_wrong_ones_make_the_next_wait_and_no_code_of_the_app(world: World) -> None:
    codes, waits = made(world.owner), []
    with time_machine.travel(clock.now(), tick=False) as clocks:
        for _ in range(12):
            assert spend(world.owner, WRONG) is Verdict.WRONG
            waits.append(wait_for_recovery(world.owner))
            assert spend(world.owner, codes[0]) is Verdict.THROTTLED
            clocks.shift(timedelta(seconds=waits[-1] + 1))
        assert wait_of(world.owner) == 0
        assert spend(world.owner, codes[0]) is Verdict.ACCEPTED
    assert (waits[:4], max(waits)) == ([1, 2, 4, 8], 512)
    assert WRONG not in str(entries("USER_SIGN_IN"))


def test_who_may_make_them(world: World) -> None:
    made(world.owner)
    stale, key = acting(world.owner), acting(world.owner, Credential(CredentialKind.API_KEY))
    object.__setattr__(stale, "confirmed_at", None)
    with pytest.raises(StepUpRequired):
        make_recovery_codes(world.owner, actor=stale)
    for actor in (acting(world.admin), world.operator, key):
        with pytest.raises(Denied):
            make_recovery_codes(world.owner, actor=actor)


def test_they_stand_in_for_something(world: World) -> None:
    with pytest.raises(Conflict):
        make_recovery_codes(world.owner, actor=acting(world.owner))


def test_in_the_middle_of_a_sign_in_nobody_voids_the_owner_s(world: World) -> None:
    made(world.owner)
    with pytest.raises(Conflict):
        make_recovery_codes(world.owner, actor=without_rights(world.owner, Actor.anonymous()))


def test_the_api_takes_one_at_sign_in(world: World) -> None:
    codes = made(world.owner)
    form = {"email": world.owner.email, "password": PASSWORD, "otp": codes[0]}
    answer = APIClient().post("/api/v1/auth/token", form, format="json")
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {answer.json()['access']}"}
    assert APIClient().get("/api/v1/users/me/", **bearer).status_code == 200
    assert APIClient().post("/api/v1/auth/token", form, format="json").json()["code"] == "wrong_otp"


def test_new_ones_end_what_an_old_one_opened_but_not_who_asks(world: World) -> None:
    codes = made(world.owner)
    clients = []
    for code in codes[:2]:
        form = {"email": world.owner.email, "password": PASSWORD, "otp": code}
        client = APIClient()
        access = client.post("/api/v1/auth/token", form, format="json").json()["access"]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
        clients.append(client)
    assert clients[0].post("/api/v1/mfa/recovery-codes/").status_code == 201
    assert [client.get("/api/v1/users/me/").status_code for client in clients] == [200, 401]


@pytest.mark.promise("A-06")
def test_none_confirms_a_step_up(world: World) -> None:
    codes = made(world.owner)
    client = APIClient()
    client.force_authenticate(world.owner, acting(world.owner))
    answer = client.post("/api/v1/auth/step-up", {"otp": codes[0]}, format="json")
    assert answer.status_code in (400, 401)
    assert spend(world.owner, codes[0]) is Verdict.ACCEPTED


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_requests_with_one_code_one_passes() -> None:
    world = build()
    code, barrier, verdicts = made(world.owner)[0], threading.Barrier(4), []

    def present() -> None:
        barrier.wait()
        verdicts.append(spend(world.owner, code))
        connection.close()

    threads = [threading.Thread(target=present) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(verdicts) == 4
    assert verdicts.count(Verdict.ACCEPTED) == 1
