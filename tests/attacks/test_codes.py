"""Codes of an authenticator app that are shown again, elsewhere, or beside a clock that goes wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import time_machine
from django.test import Client

from accounts.models import TotpDevice, User
from accounts.sessions import mark_confirmed
from accounts.totp import MAX_DRIFT, STEP, TOLERANCE, Verdict, code_at, verify_code
from temps.lib import clock
from tests.accounts.test_sign_in import CODE, sign_in
from tests.accounts.test_tokens import obtain
from tests.world import World, acting, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-04")]

NOW = 1_800_000_000


def signed_in(user: User) -> Client:
    """A session that was opened with the second factor, some while ago."""
    client = Client()
    client.force_login(user)
    session = client.session
    mark_confirmed(session, user, enrol(user).public_id)
    session.save()
    return client


def at_sign_in(user: User, code: str) -> bool:
    client = Client()
    sign_in(client, user)
    return client.post(CODE, {"code": code}).status_code == 302


def for_tokens(user: User, code: str) -> bool:
    return bool(obtain(user, otp=code).status_code == 200)


def to_confirm(user: User, code: str) -> bool:
    return signed_in(user).post("/accounts/confirm/", {"code": code}).status_code == 302


def to_step_up(user: User, code: str) -> bool:
    answer = signed_in(user).post("/api/v1/auth/step-up", {"otp": code}, content_type="application/json")
    return answer.status_code == 204


FACES: dict[str, Callable[[User, str], bool]] = {
    "sign-in": at_sign_in,
    "tokens": for_tokens,
    "page that asks again": to_confirm,
    "step-up": to_step_up,
}


@pytest.mark.promise("A-06")
@pytest.mark.usefixtures("still_clock")
@pytest.mark.parametrize("first", FACES)
def test_a_code_passes_once_whatever_it_was_shown_for(world: World, first: str) -> None:
    code = code_at(enrol(world.owner), clock.now().timestamp())
    assert FACES[first](world.owner, code)
    for again in FACES.values():
        TotpDevice.objects.update(throttling_failure_count=0)  # it is the code that is refused, and not the haste
        assert not again(world.owner, code)


def test_a_clock_that_is_set_back_lets_no_code_pass_twice(world: World) -> None:
    code = code_at(enrol(world.owner), NOW)
    verdicts = []
    for moment in (NOW, NOW - STEP, NOW, NOW + STEP):
        TotpDevice.objects.update(throttling_failure_count=0)
        with time_machine.travel(moment, tick=False):
            verdicts.append(verify_code(world.owner, code, actor=acting(world.owner)))
    assert verdicts == [Verdict.ACCEPTED, *[Verdict.WRONG] * 3]


def test_nobody_leads_us_further_from_our_clock_than_five_minutes(world: World) -> None:
    """A step further each day, as with a clock that goes wrong, or somebody who stores codes up."""
    device, verdicts = enrol(world.owner), []
    for day in range(1, MAX_DRIFT + TOLERANCE + 4):
        TotpDevice.objects.update(throttling_failure_count=0)
        moment = NOW + day * 86400
        with time_machine.travel(moment, tick=False):
            code = code_at(device, moment + day * STEP)
            verdicts.append(verify_code(world.owner, code, actor=acting(world.owner)))
    assert verdicts == [Verdict.ACCEPTED] * (MAX_DRIFT + TOLERANCE) + [Verdict.WRONG] * 3
