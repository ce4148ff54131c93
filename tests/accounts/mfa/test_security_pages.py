"""One's own second factors, in the console and over the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient
from webauthn.helpers import base64url_to_bytes

from accounts.mfa.factors import list_factors, remove_factor, rename_factor, reset_factors
from accounts.mfa.models import Passkey
from accounts.mfa.recovery import make_recovery_codes, recovery_codes_of
from accounts.models import TotpDevice, User
from accounts.sessions import mark_confirmed
from accounts.totp import app_of, code_at
from rbac.permissions import Permission
from rbac.step_up import RECENT
from temps.lib import clock
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, NotFound
from tests.accounts.events import entries
from tests.accounts.mfa.authenticator import Authenticator, add_passkey
from tests.accounts.test_sign_in import is_signed_in, sign_in
from tests.world import World, acting, enrol

pytestmark = pytest.mark.promise("A-04")

AtHome = Callable[[User], Client]
HOME, APP, PASSKEY = "/accounts/security/", "/accounts/security/app/", "/accounts/security/passkey/"
RENEW = "/accounts/security/recovery-codes/"
CONFIRM = "/accounts/confirm/"
LATER = RECENT + timedelta(seconds=1)


def pending_code() -> str:
    return code_at(TotpDevice.objects.get(confirmed=False), clock.now().timestamp())


def page_of(client: Client) -> str:
    return client.get(HOME).content.decode()


def test_a_stranger_is_sent_to_sign_in(client: Client, db: None) -> None:
    for path in (HOME, APP, PASSKEY, RENEW, f"{HOME}otp_x/remove/", f"{HOME}otp_x/rename/"):
        assert client.get(path)["Location"] == "/accounts/login/"
    assert client.post(f"{PASSKEY}options/", HTTP_HOST="localhost").status_code == 401


@pytest.mark.parametrize("who", ["viewer", "nobody", "admin"])
def test_every_role_sees_what_it_has(at_home: AtHome, world: World, who: str) -> None:
    user = getattr(world, who)
    add_passkey(user)
    page = page_of(at_home(user))
    assert all(text in page for text in ("Authenticator app", "Laptop", "Passkey for localhost", "You have none"))
    assert "not used yet" in page


def test_a_member_without_any_enrols_an_app_and_goes_on(here: Client, world: World) -> None:
    sign_in(here, world.nobody)
    assert here.post(APP)["Location"] == APP
    assert "<svg" in here.get(APP).content.decode()
    page = here.post(APP, {"code": pending_code()})
    assert page.content.decode().count("<li><code>") == 10
    assert "no-store" in page["Cache-Control"]
    assert is_signed_in(here), "the session that enrolled it has passed it"
    assert "10 of 10 left" in page_of(here)


def test_a_member_without_any_enrols_a_passkey_and_goes_on(here: Client, world: World) -> None:
    sign_in(here, world.nobody)
    challenge = base64url_to_bytes(here.post(f"{PASSKEY}options/").json()["challenge"])
    credential = Authenticator().create(challenge, world.nobody)
    page = here.post(PASSKEY, {"credential": credential, "name": "Blue key"}).content.decode()
    assert page.count("<li><code>") == 10
    assert is_signed_in(here)
    assert "Blue key" in page_of(here)


@pytest.mark.promise("A-11")
def test_a_new_factor_ends_the_other_sessions(here: Client, world: World) -> None:
    elsewhere = Client()
    for client in (here, elsewhere):
        sign_in(client, world.nobody)
    here.post(APP)
    here.post(APP, {"code": pending_code()})
    assert [is_signed_in(here), is_signed_in(elsewhere)] == [True, False]


def test_an_app_is_replaced_by_the_first_code_of_the_new_one(at_home: AtHome, world: World) -> None:
    client = at_home(world.admin)
    old = app_of(world.admin)
    client.post(APP)
    assert app_of(world.admin) == old
    assert "not right" in client.post(APP, {"code": "000000"}).content.decode()
    assert app_of(world.admin) == old
    TotpDevice.objects.update(throttling_failure_count=0)
    assert client.post(APP, {"code": pending_code()})["Location"] == HOME
    assert app_of(world.admin) not in (old, None)
    assert is_signed_in(client)


def test_an_enrolment_that_another_session_began_is_neither_shown_nor_finished_here(here: Client, world: World) -> None:
    elsewhere = Client()
    for client in (here, elsewhere):
        sign_in(client, world.nobody)
    elsewhere.post(APP)
    assert here.get(APP)["Location"] == HOME
    assert here.post(APP, {"code": pending_code()})["Location"] == HOME
    assert app_of(world.nobody) is None


@pytest.mark.promise("A-06")
@pytest.mark.parametrize("path", [APP, RENEW, "remove"])
def test_what_changes_them_asks_again_who_is_there(at_home: AtHome, world: World, path: str) -> None:
    passkey = add_passkey(world.member)
    client, app = at_home(world.member), app_of(world.member)
    path = f"{HOME}{passkey.public_id}/remove/" if path == "remove" else path
    with time_machine.travel(clock.now() + LATER):
        assert client.post(path)["Location"].startswith(CONFIRM)
        assert path == RENEW or client.get(path)["Location"].startswith(CONFIRM)
    assert list_factors(world.member)[0].row == app
    assert (Passkey.objects.count(), recovery_codes_of(world.member)) == (1, None)
    assert not TotpDevice.objects.filter(confirmed=False).exists()


@pytest.mark.promise("A-06")
def test_a_passkey_is_not_enrolled_from_a_session_left_open(at_home: AtHome, world: World) -> None:
    client, device = at_home(world.member), Authenticator()
    with time_machine.travel(clock.now() + LATER):
        assert client.get(PASSKEY)["Location"].startswith(CONFIRM)
        challenge = base64url_to_bytes(client.post(f"{PASSKEY}options/").json()["challenge"])
        given = {"credential": device.create(challenge, world.member), "name": "Blue key"}
        assert client.post(PASSKEY, given)["Location"].startswith(CONFIRM)
    assert not Passkey.objects.exists()


def test_the_last_factor_of_whoever_must_have_one_stays(at_home: AtHome, world: World) -> None:
    client = at_home(world.admin)
    app = app_of(world.admin)
    assert app is not None
    path = f"{HOME}{app.public_id}/remove/"
    assert "Add another one first" in client.get(path).content.decode()
    assert client.post(path)["Location"] == HOME
    assert "this is your last" in page_of(client)
    assert app_of(world.admin) is not None
    with pytest.raises(Conflict):
        remove_factor(world.admin, app.public_id, actor=acting(world.admin))


def test_the_recovery_codes_go_with_the_last_factor(world: World) -> None:
    app, passkey = enrol(world.member), add_passkey(world.member)
    make_recovery_codes(world.member, actor=acting(world.member))
    remove_factor(world.member, passkey.public_id, actor=acting(world.member))
    assert recovery_codes_of(world.member) is not None
    remove_factor(world.member, app.public_id, actor=acting(world.member))
    assert recovery_codes_of(world.member) is None
    assert entries("MFA_DISABLE")[0]["metadata"]["last"] is True


@pytest.mark.promise("A-05")
def test_removing_what_a_session_passed_ends_it(at_home: AtHome, world: World) -> None:
    add_passkey(world.admin)
    client, app = at_home(world.admin), app_of(world.admin)
    assert app is not None
    path = f"{HOME}{app.public_id}/remove/"
    assert "This session began with it" in client.get(path).content.decode()
    client.post(path)
    assert not is_signed_in(client)
    assert sign_in(Client(), world.admin)["Location"] == "/accounts/login/code/"


def test_a_factor_is_called_what_its_owner_calls_it(at_home: AtHome, world: World) -> None:
    passkey, client = add_passkey(world.member), at_home(world.member)
    path = f"{HOME}{passkey.public_id}/rename/"
    assert 'value="Laptop"' in client.get(path).content.decode()
    client.post(path, {"name": "<b>Key</b>"})
    assert "&lt;b&gt;Key&lt;/b&gt;" in page_of(client)
    assert entries("MFA_UPDATE")[0]["userEmail"] == world.member.email


@pytest.mark.parametrize("verb", ["rename", "remove"])
def test_another_s_factor_is_not_there(at_home: AtHome, world: World, verb: str) -> None:
    passkey, client = add_passkey(world.member), at_home(world.admin)
    assert client.post(f"{HOME}{passkey.public_id}/{verb}/", {"name": "Mine"})["Location"] == HOME
    assert Passkey.objects.get().name == "Laptop"
    with pytest.raises(NotFound):
        remove_factor(world.member, passkey.public_id, actor=acting(world.admin))
    with pytest.raises(NotFound):
        rename_factor(world.member, passkey.public_id, "Mine", actor=acting(world.admin))


def test_few_codes_left_are_a_warning(at_home: AtHome, world: World) -> None:
    client = at_home(world.member)
    make_recovery_codes(world.member, actor=acting(world.member))
    codes = recovery_codes_of(world.member)
    assert codes is not None
    codes.hashes = codes.hashes[:3]
    codes.save()
    assert "3 of 10 left" in page_of(client)
    assert "before they run out" in page_of(client)


def test_new_codes_keep_the_session_that_asks_for_them(here: Client, world: World) -> None:
    enrol(world.member)
    codes = make_recovery_codes(world.member, actor=acting(world.member))
    elsewhere = Client()
    for client, code in ((here, codes[0]), (elsewhere, codes[1])):
        sign_in(client, world.member)
        client.post("/accounts/login/code/", {"recovery_code": code})
    assert here.post(RENEW).content.decode().count("<li><code>") == 10
    assert [is_signed_in(here), is_signed_in(elsewhere)] == [True, False]


def test_who_may_take_everything_away(world: World) -> None:
    enrol(world.owner)
    key = Credential(CredentialKind.API_KEY, "key_x", frozenset(permission.value for permission in Permission))
    for actor in (acting(world.owner), acting(world.developer), acting(world.admin, key)):
        with pytest.raises(Denied):
            reset_factors(world.owner, actor=actor)
    add_passkey(world.owner)
    make_recovery_codes(world.owner, actor=acting(world.owner))
    assert reset_factors(world.owner, actor=acting(world.admin)) == 2
    assert (list_factors(world.owner), recovery_codes_of(world.owner)) == ([], None)
    with pytest.raises(NotFound):
        reset_factors(world.owner, actor=acting(world.admin))


def test_the_api_tells_and_changes_one_s_own(world: World, api: Callable[..., APIClient]) -> None:
    app, passkey = enrol(world.member), add_passkey(world.member)
    client = api(world.member)
    assert len(client.post("/api/v1/mfa/recovery-codes/").json()["codes"]) == 10
    told: Any = client.get("/api/v1/mfa/").json()
    assert [factor["id"] for factor in told["factors"]] == [app.public_id, passkey.public_id]
    assert (told["is_required"], told["recovery_codes_left"]) == (False, 10)
    path = f"/api/v1/mfa/{passkey.public_id}/"
    assert client.patch(path, {"name": "Key"}, format="json").json()["name"] == "Key"
    assert client.delete(path).status_code == 204
    assert api(world.admin).delete(f"/api/v1/mfa/{app.public_id}/").status_code == 404


@pytest.mark.promise("A-06")
def test_no_key_changes_anything(world: World, api: Callable[..., APIClient]) -> None:
    passkey = add_passkey(world.member)
    scopes = frozenset(permission.value for permission in Permission)
    client = api(world.member, Credential(CredentialKind.API_KEY, "key_x", scopes))
    assert client.post("/api/v1/mfa/recovery-codes/").status_code == 403
    for method in (client.delete, client.patch):
        assert method(f"/api/v1/mfa/{passkey.public_id}/", {"name": "X"}, format="json").status_code == 403
    assert Passkey.objects.get().name == "Laptop"


def test_after_a_recovery_code_it_says_for_how_long(world: World, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(world.member)
    make_recovery_codes(world.member, actor=acting(world.member))
    codes, session = recovery_codes_of(world.member), client.session
    assert codes is not None
    mark_confirmed(session, world.member, codes.public_id)
    session.save()
    until = clock.now() + RECENT
    assert f"Until {until:%H:%M} UTC you can remove" in client.get(HOME).content.decode()
    app = app_of(world.member)
    with time_machine.travel(clock.now() + RECENT * 0.9, tick=False):
        assert client.get(f"{HOME}{app.public_id}/remove/").status_code == 200  # type: ignore[union-attr]
    with time_machine.travel(clock.now() + RECENT * 1.1, tick=False):
        assert "sign out and in again with another code" in client.get(HOME).content.decode()
