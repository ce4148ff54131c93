"""``temps user mfa``, ``reset-mfa`` and ``require-mfa`` as they are typed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.mfa.recovery import make_recovery_codes, use_recovery_code
from accounts.models import User
from accounts.policy import factors_of
from accounts.totp import begin_enrolment, manual_key
from tests.accounts.events import entries
from tests.accounts.mfa.authenticator import add_passkey
from tests.world import World, acting, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-04")]


def said(capsys: pytest.CaptureFixture[str], command: str, user: User, *more: str) -> str:
    capsys.readouterr()
    call_command("user", command, "--email", user.email, *more)
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], user: User) -> Any:
    return json.loads(said(capsys, "mfa", user, "--json"))


def test_it_lists_what_somebody_has(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    app, passkey = enrol(world.owner), add_passkey(world.owner)
    listed = told(capsys, world.owner)["factors"]
    assert [(one["id"], one["kind"]) for one in listed] == [(app.public_id, "app"), (passkey.public_id, "passkey")]
    assert [one["name"] for one in listed] == ["Authenticator app", "Laptop"]
    table = said(capsys, "mfa", world.owner)
    assert passkey.public_id in table
    assert "never" in table


def test_no_secret_and_no_code_is_in_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    device = enrol(world.owner)
    codes = make_recovery_codes(world.owner, actor=acting(world.owner))
    shown = said(capsys, "mfa", world.owner) + said(capsys, "mfa", world.owner, "--json")
    assert device.public_id in shown
    assert not [secret for secret in (manual_key(device), *codes) if secret in shown]


def test_it_counts_the_recovery_codes_that_are_left(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    enrol(world.owner)
    assert told(capsys, world.owner)["recovery_codes_left"] is None
    assert "recovery codes" not in said(capsys, "mfa", world.owner)
    codes = make_recovery_codes(world.owner, actor=acting(world.owner))
    use_recovery_code(world.owner, codes[0], actor=acting(world.owner))
    assert told(capsys, world.owner)["recovery_codes_left"] == 9
    assert "recovery codes left: 9" in said(capsys, "mfa", world.owner)


def test_of_whoever_has_none_it_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    begin_enrolment(world.owner, actor=acting(world.owner))  # which is no factor before its first code
    assert told(capsys, world.owner) == {"factors": [], "recovery_codes_left": None}
    call_command("user", "mfa", "--email", world.owner.email)
    assert "has no second factor" in "".join(capsys.readouterr())


def test_who_may_not_see_somebody_does_not_see_their_factors(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    enrol(world.owner)
    for email in (world.owner.email, "stranger@example.com"):
        with pytest.raises(CommandError, match="no user"):
            call_command("user", "mfa", "--email", email, "--as", world.outsider.email)
    assert capsys.readouterr().out == ""
    assert enrol(world.owner).public_id in said(capsys, "mfa", world.owner, "--as", world.owner.email)


@pytest.mark.promise("A-05")
def test_who_may_not_take_a_factor_away_takes_none(world: World) -> None:
    device = enrol(world.admin)
    for somebody in (world.outsider, world.platform_viewer):
        with pytest.raises(CommandError):
            call_command("user", "reset-mfa", "--email", world.admin.email, "--as", somebody.email)
    assert factors_of(world.admin) == {device.public_id}
    with pytest.raises(CommandError):
        call_command("user", "require-mfa", "--of", "off", "--as", world.platform_viewer.email)


def test_what_is_lost_is_taken_away_all_at_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    enrol(world.owner), add_passkey(world.owner)
    make_recovery_codes(world.owner, actor=acting(world.owner))
    assert said(capsys, "reset-mfa", world.owner) == "removed 2 second factors of owner@example.com\n"
    assert factors_of(world.owner) == frozenset()
    assert entries("MFA_DISABLE")[0]["resourceId"] == world.owner.public_id
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("user", "reset-mfa", "--email", world.owner.email)
