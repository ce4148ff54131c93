"""A new secret for a key while the old one works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.api_keys import create_api_key, revoke_api_key
from accounts.key_authentication import authenticate_key
from accounts.key_rotation import end_grace, rotate_api_key
from accounts.models import ApiKey, User
from accounts.services import set_active
from rbac.step_up import StepUpRequired
from temps.lib import clock
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, Unauthenticated
from tests.accounts.events import entries
from tests.world import World, acting, enrol

pytestmark = pytest.mark.promise("A-09")

HERE = "192.0.2.10"


def works(token: str, address: str = HERE) -> bool:
    try:
        return bool(authenticate_key(token, address=address).id)
    except Unauthenticated:
        return False


def made(user: User, **more: Any) -> tuple[ApiKey, str]:
    return create_api_key("CI", actor=acting(user), owner=user, **more)


def test_both_secrets_work_until_the_grace_ends(world: World) -> None:
    key, old = made(world.owner)
    rotated, new = rotate_api_key(key, actor=acting(world.owner))
    assert (rotated.public_id, rotated.prefix, rotated.scopes) == (key.public_id, key.prefix, key.scopes)
    assert (works(old), works(new)) == (True, True)
    with time_machine.travel(clock.now() + timedelta(hours=24)):
        assert (works(old), works(new)) == (False, True)


def test_without_grace_the_old_secret_ends_at_once_though_its_verdict_is_remembered(world: World) -> None:
    key, old = made(world.owner)
    assert works(old)
    _key, new = rotate_api_key(key, actor=acting(world.owner), grace=timedelta())
    assert (works(old), works(new)) == (False, True)


def test_a_second_rotation_ends_the_first_secret(world: World) -> None:
    key, first = made(world.owner)
    _key, second = rotate_api_key(key, actor=acting(world.owner))
    _key, third = rotate_api_key(key, actor=acting(world.owner))
    assert [works(token) for token in (first, second, third)] == [False, True, True]


def test_the_grace_is_ended_early(world: World) -> None:
    key, old = made(world.owner)
    rotate_api_key(key, actor=acting(world.owner))
    assert works(old)
    end_grace(key, actor=acting(world.owner))
    assert not works(old)
    assert entries("API_KEY_UPDATE")[0]["resourceId"] == key.public_id
    with pytest.raises(Conflict):
        end_grace(key, actor=acting(world.owner))


def test_the_uses_of_the_two_are_kept_apart(world: World) -> None:
    key, old = made(world.owner)
    works(old, "192.0.2.1")
    _key, new = rotate_api_key(key, actor=acting(world.owner))
    works(old, "192.0.2.2")
    works(new, "192.0.2.3")
    key.refresh_from_db()
    assert (key.previous_used_ip, key.last_used_ip) == ("192.0.2.2", "192.0.2.1")  # once a minute
    with time_machine.travel(clock.now() + timedelta(minutes=2)):
        works(new, "192.0.2.3")
    key.refresh_from_db()
    assert (key.previous_used_ip, key.last_used_ip) == ("192.0.2.2", "192.0.2.3")
    assert "CI' was used with its old secret" in str(entries("API_KEY_USE"))


def test_the_old_secret_is_not_good_for_longer_than_the_key(world: World) -> None:
    key, old = made(world.owner, expires_in=timedelta(hours=1))
    rotated, new = rotate_api_key(key, actor=acting(world.owner))
    assert rotated.previous_expires_at == rotated.expires_at
    with time_machine.travel(clock.now() + timedelta(hours=1)):
        assert (works(old), works(new)) == (False, False)


def test_revoking_ends_both(world: World) -> None:
    key, old = made(world.owner)
    _key, new = rotate_api_key(key, actor=acting(world.owner))
    revoke_api_key(key, actor=acting(world.owner))
    assert (works(old), works(new)) == (False, False)


def test_a_key_that_works_no_more_gets_no_new_secret(world: World) -> None:
    revoked, _ = made(world.owner)
    revoke_api_key(revoked, actor=acting(world.owner))
    expired, _ = made(world.owner, expires_in=timedelta(hours=1))
    disabled, _ = made(world.viewer)
    set_active(world.viewer, False, actor=world.operator)
    with time_machine.travel(clock.now() + timedelta(hours=2)):
        for key in (revoked, expired, disabled):
            with pytest.raises(Conflict):
                rotate_api_key(key, actor=world.operator)
    assert not entries("API_KEY_ROTATE")


@pytest.mark.parametrize("grace", [timedelta(days=30, seconds=1), timedelta(seconds=-1)])
def test_a_grace_has_bounds(world: World, grace: timedelta) -> None:
    key, _ = made(world.owner)
    with pytest.raises(Invalid):
        rotate_api_key(key, actor=acting(world.owner), grace=grace)


def test_a_key_rotates_no_key_not_itself_either(world: World) -> None:
    enrol(world.admin)
    key, token = made(world.admin, scopes="admin")
    for victim in (key, made(world.owner)[0]):
        with pytest.raises(Denied):
            rotate_api_key(victim, actor=authenticate_key(token, address=HERE))


def test_another_s_key_is_rotated_by_whoever_holds_all_that_it_has(world: World) -> None:
    key, old = made(world.owner)
    with pytest.raises(Denied):
        rotate_api_key(key, actor=acting(world.member))
    narrowed = Credential(CredentialKind.JWT, "narrowed", frozenset({"api_keys:create"}))
    with pytest.raises(Denied, match="more rights than they hold"):
        rotate_api_key(key, actor=acting(world.admin, narrowed))
    assert works(rotate_api_key(key, actor=acting(world.admin))[1])
    assert works(old)


@pytest.mark.promise("A-06")
def test_making_and_rotating_ask_again_who_is_there_and_revoking_does_not(world: World) -> None:
    key, _ = made(world.owner)
    stale = replace(acting(world.owner), confirmed_at=None)
    for sensitive in (
        lambda: create_api_key("x", actor=stale, owner=world.owner),
        lambda: rotate_api_key(key, actor=stale),
    ):
        with pytest.raises(StepUpRequired):
            sensitive()
    assert revoke_api_key(key, actor=stale).revoked_at


def test_a_rotation_is_recorded_without_secret_or_hash(world: World) -> None:
    key, old = made(world.owner)
    _key, new = rotate_api_key(key, actor=acting(world.owner))
    event = str(entries("API_KEY_ROTATE"))
    assert "oldSecretUntil" in event
    assert "argon2" not in event
    assert not any(token.rpartition("_")[2] in event for token in (old, new))


def test_over_the_api(world: World, api: Callable[..., APIClient]) -> None:
    key, old = made(world.owner)
    client = api(world.owner)
    answer = client.post(f"/api/v1/api-keys/{key.public_id}/rotate/", {"grace": "7d"}, format="json")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert works(answer.json()["key"])
    assert client.delete(f"/api/v1/api-keys/{key.public_id}/previous-secret/").status_code == 204
    assert not works(old)
    wrong = client.post(f"/api/v1/api-keys/{key.public_id}/rotate/", {"grace": "31d"}, format="json")
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["grace"])


def test_by_command(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    key, old = made(world.owner)
    call_command("api-key", "rotate", "--key-id", key.public_id, "--grace", "7d")
    new = capsys.readouterr().out.split("\n\n")[1].strip()
    assert (works(old), works(new)) == (True, True)
    call_command("api-key", "end-old-secret", "--key-id", key.public_id)
    assert (works(old), works(new)) == (False, True)


def test_in_the_console(signed_in: Callable[[User], Client], world: World) -> None:
    key, old = made(world.owner)
    client, page = signed_in(world.owner), f"/accounts/apikey/{key.pk}/rotate/"
    assert "24h" in client.get(page).content.decode()
    assert "30 days longer at most" in client.post(page, {"grace": "31d"}).content.decode()
    answer = client.post(page, {"grace": "7d"})
    assert f"tmp_{key.prefix}_" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert works(old)
    assert "not used since" not in client.get(page).content.decode()
    assert client.post(page, {"end": "yes"}).status_code == 302
    assert not works(old)


def test_another_s_key_has_no_such_page(signed_in: Callable[[User], Client], world: World) -> None:
    key, old = made(world.member)
    page = f"/accounts/apikey/{key.pk}/rotate/"
    assert signed_in(world.owner).post(page, {"grace": "0"}).status_code in (403, 404)
    assert works(old)
