from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.signed_cookies import SessionStore

from accounts.mfa.challenges import LIFETIME, Purpose, issue_challenge, spend_challenge
from accounts.mfa.errors import PasskeyRefused
from temps.lib import clock
from tests.world import World

pytestmark = pytest.mark.promise("A-04")


@pytest.fixture
def session() -> SessionBase:
    return SessionStore()


def test_a_challenge_is_good_once(session: SessionBase, world: World) -> None:
    challenge = issue_challenge(session, Purpose.ADD, world.owner)
    assert spend_challenge(session, Purpose.ADD, world.owner) == challenge
    with pytest.raises(PasskeyRefused):
        spend_challenge(session, Purpose.ADD, world.owner)


def test_each_is_another(session: SessionBase, world: World) -> None:
    assert len({issue_challenge(session, Purpose.CONFIRM, world.owner) for _ in range(20)}) == 20


def test_of_two_requests_that_read_the_session_before_either_wrote_it_one_passes(
    session: SessionBase, world: World
) -> None:
    issue_challenge(session, Purpose.CONFIRM, world.owner)
    kept = session["passkey_challenges"]
    spend_challenge(session, Purpose.CONFIRM, world.owner)
    session["passkey_challenges"] = kept
    with pytest.raises(PasskeyRefused):
        spend_challenge(session, Purpose.CONFIRM, world.owner)


@pytest.mark.parametrize("late", [1, -1])
def test_it_lasts_five_minutes(session: SessionBase, world: World, late: int) -> None:
    with time_machine.travel(clock.now(), tick=False) as clocks:
        issue_challenge(session, Purpose.ADD, world.owner)
        clocks.shift(LIFETIME + timedelta(seconds=late))
        if late < 0:
            assert spend_challenge(session, Purpose.ADD, world.owner)
            return
        with pytest.raises(PasskeyRefused):
            spend_challenge(session, Purpose.ADD, world.owner)


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.ADD])
def test_it_is_good_for_what_it_was_issued_for_alone(session: SessionBase, world: World, purpose: Purpose) -> None:
    issue_challenge(session, Purpose.ADD, world.owner)
    with pytest.raises(PasskeyRefused):
        spend_challenge(session, purpose, world.owner)


def test_it_is_good_for_whom_it_was_issued_to_alone(session: SessionBase, world: World) -> None:
    issue_challenge(session, Purpose.ADD, world.member)
    with pytest.raises(PasskeyRefused):
        spend_challenge(session, Purpose.ADD, world.owner)
    issue_challenge(session, Purpose.SIGN_IN)
    with pytest.raises(PasskeyRefused):
        spend_challenge(session, Purpose.SIGN_IN, world.owner)
