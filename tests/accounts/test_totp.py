from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection

from accounts.models import TotpDevice, User
from accounts.totp import (
    STEP,
    Verdict,
    app_of,
    begin_enrolment,
    code_at,
    confirm_enrolment,
    manual_key,
    pending_enrolment,
    provisioning_uri,
    verify_code,
    wait_of,
)
from secrets_vault.sealing import column, seal
from temps.lib import clock
from temps.lib.errors import Conflict, Denied, NotFound, SealError
from tests.accounts.events import entries
from tests.world import World, acting, build, enrol

pytestmark = pytest.mark.promise("A-04")

NOW = 1_800_000_000


def code(user: User, seconds: float = 0) -> str:
    device = app_of(user)
    assert device is not None
    return code_at(device, clock.now().timestamp() + seconds)


def test_the_codes_are_those_of_rfc_6238(world: World) -> None:
    device = enrol(world.owner)
    device.secret = _sealed(device, b"12345678901234567890")
    assert [code_at(device, at) for at in (59, 1111111109, 2000000000)] == ["287082", "081804", "279037"]


def test_the_secret_is_sealed_and_bound_to_its_row(world: World) -> None:
    one, other = enrol(world.owner), enrol(world.member)
    assert len(manual_key(one)) == 32
    one.secret = other.secret
    with pytest.raises(SealError):
        manual_key(one)


def test_what_the_qr_code_says_is_what_apps_read(world: World) -> None:
    device = enrol(world.owner)
    uri = provisioning_uri(device)
    assert uri.startswith("otpauth://totp/Temps%3Aowner@example.com?")
    assert f"secret={manual_key(device)}&issuer=Temps&algorithm=SHA1&digits=6&period=30" in uri


@time_machine.travel(NOW, tick=False)
def test_a_code_passes_once(world: World) -> None:
    enrol(world.owner)
    now = code(world.owner)
    assert verify_code(world.owner, f" {now[:3]} {now[3:]} ", actor=acting(world.owner)) is Verdict.ACCEPTED
    assert verify_code(world.owner, now, actor=acting(world.owner)) is Verdict.WRONG


@time_machine.travel(NOW, tick=False)
def test_an_older_code_is_refused_after_a_newer_one(world: World) -> None:
    enrol(world.owner)
    assert verify_code(world.owner, code(world.owner, STEP), actor=acting(world.owner)) is Verdict.ACCEPTED
    assert verify_code(world.owner, code(world.owner), actor=acting(world.owner)) is Verdict.WRONG


@pytest.mark.parametrize(
    ("steps", "verdict"), [(-2, "wrong"), (-1, "accepted"), (0, "accepted"), (1, "accepted"), (2, "wrong")]
)
def test_one_step_of_difference_is_tolerated(world: World, steps: int, verdict: str) -> None:
    enrol(world.owner)
    with time_machine.travel(NOW, tick=False):
        tried = verify_code(world.owner, code(world.owner, steps * STEP), actor=acting(world.owner))
    assert tried is Verdict(verdict)


def test_a_clock_that_goes_wrong_slowly_is_followed(world: World) -> None:
    enrol(world.owner)
    for day in range(5):
        with time_machine.travel(NOW + day * 86400, tick=False):
            late = code(world.owner, day * STEP)
            assert verify_code(world.owner, late, actor=acting(world.owner)) is Verdict.ACCEPTED


def test_wrong_codes_make_the_next_wait_longer_and_never_for_long(world: World) -> None:
    enrol(world.owner)
    waits = []
    with time_machine.travel(NOW, tick=False) as clocks:
        for _ in range(14):
            assert verify_code(world.owner, "000000x", actor=acting(world.owner)) is Verdict.WRONG
            waits.append(wait_of(world.owner))
            assert verify_code(world.owner, code(world.owner), actor=acting(world.owner)) is Verdict.THROTTLED
            clocks.shift(timedelta(seconds=waits[-1] + 1))
        assert verify_code(world.owner, code(world.owner), actor=acting(world.owner)) is Verdict.ACCEPTED
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == 512


def test_a_refused_code_is_recorded_and_not_repeated(world: World) -> None:
    enrol(world.owner)
    verify_code(world.owner, "123456", actor=acting(world.owner))
    entry = entries("USER_SIGN_IN")[0]
    assert (entry["result"], entry["userEmail"]) == ("failure", world.owner.email)
    assert "123456" not in str(entry)


def test_enrolment_ends_with_the_first_code(world: World) -> None:
    device = begin_enrolment(world.owner, actor=acting(world.owner))
    assert app_of(world.owner) is None
    assert confirm_enrolment(world.owner, device.public_id, "nonsense", actor=acting(world.owner)) is Verdict.WRONG
    assert app_of(world.owner) is None
    TotpDevice.objects.update(throttling_failure_count=0)
    first = code_at(device, clock.now().timestamp())
    assert confirm_enrolment(world.owner, device.public_id, first, actor=acting(world.owner)) is Verdict.ACCEPTED
    assert entries("MFA_ENABLE")[0]["userEmail"] == world.owner.email
    assert verify_code(world.owner, first, actor=acting(world.owner)) is not Verdict.ACCEPTED


def test_a_secret_that_someone_else_was_shown_is_not_the_one_confirmed(world: World) -> None:
    shown_before = begin_enrolment(world.owner, actor=acting(world.owner))
    begin_enrolment(world.owner, actor=acting(world.owner))
    assert pending_enrolment(world.owner, shown_before.public_id) is None
    with pytest.raises(NotFound):
        confirm_enrolment(world.owner, shown_before.public_id, "123456", actor=acting(world.owner))


def test_nobody_enrols_for_another_or_over_an_app_that_is_there(world: World) -> None:
    with pytest.raises(Denied):
        begin_enrolment(world.owner, actor=acting(world.admin))
    enrol(world.owner)
    with pytest.raises(Conflict):
        begin_enrolment(world.owner, actor=acting(world.owner))


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_requests_with_one_code_one_passes() -> None:
    world = build()
    enrol(world.owner)
    presented, barrier, verdicts = code(world.owner), threading.Barrier(4), []

    def present() -> None:
        barrier.wait()
        verdicts.append(verify_code(world.owner, presented, actor=acting(world.owner)))
        connection.close()

    threads = [threading.Thread(target=present) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(verdicts) == 4
    assert verdicts.count(Verdict.ACCEPTED) == 1


def _sealed(device: TotpDevice, secret: bytes) -> bytes:
    return seal(secret, project_pk=None, context=column("accounts.totpdevice", device.public_id, "secret"))
