from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
import time_machine
from django.conf import settings

from accounts.browser_sessions.models import BrowserSession
from accounts.housekeeping import clear_expired
from accounts.models import SetupLink, SignInPolicy, TokenFamily, TotpDevice, User, UserKind
from accounts.policy import current_policy, mfa_required_of, set_require_mfa
from accounts.services import create_user, set_active, set_password
from accounts.setup import make_setup_link
from accounts.tokens import sign_in
from accounts.totp import begin_enrolment
from rbac.services import assign_role
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid
from tests.accounts.events import entries
from tests.world import PASSWORD, World, acting, enrol


def test_an_address_is_stored_in_lower_case_and_taken_once(world: World) -> None:
    user = create_user(" Fresh@Example.COM ", actor=world.operator)
    assert (user.email, user.has_usable_password()) == ("fresh@example.com", False)
    with pytest.raises(Conflict):
        create_user("FRESH@example.com", actor=world.operator)


@pytest.mark.parametrize(
    "email", ["", "fresh", "fresh@", "@example.com", "a b@example.com", "fresh@example.com\nbcc: x"]
)
def test_what_is_no_address_makes_no_user(world: World, email: str) -> None:
    before = User.objects.count()
    with pytest.raises(Invalid):
        create_user(email, actor=world.operator)
    assert User.objects.count() == before


@pytest.mark.promise("R-08")
def test_an_unknown_role_makes_no_user(world: World) -> None:
    with pytest.raises(Invalid, match="king"):
        create_user("fresh@example.com", role="king", actor=world.operator)
    assert not User.objects.filter(email="fresh@example.com").exists()


@pytest.mark.promise("R-07")
def test_a_user_with_a_role_beyond_one_s_own_is_not_made(world: World) -> None:
    scopes = frozenset({"users:create", "users:read"})
    helper = acting(world.admin, Credential(CredentialKind.API_KEY, "key_x", scopes))
    create_user("fresh@example.com", actor=helper)
    with pytest.raises(Denied):
        create_user("eve@example.com", role="viewer", actor=helper)
    assert not User.objects.filter(email="eve@example.com").exists()


@pytest.mark.promise("R-05")
def test_who_may_make_and_disable_accounts(world: World) -> None:
    for user in (world.developer, world.owner, world.nobody):
        with pytest.raises(Denied):
            create_user("fresh@example.com", actor=acting(user))
        with pytest.raises(Denied):
            set_active(world.viewer, False, actor=acting(user))


def test_who_sees_whom(world: World) -> None:
    assert User.objects.visible_to(acting(world.admin)).count() == User.objects.count()
    assert list(User.objects.visible_to(acting(world.owner))) == [world.owner]
    assert not User.objects.visible_to(Actor.anonymous()).exists()


def test_nobody_sets_a_password_with_a_key_or_for_a_service(world: World) -> None:
    everything = frozenset({"users:update"})
    with pytest.raises(Denied):
        set_password(
            world.viewer, PASSWORD, actor=acting(world.admin, Credential(CredentialKind.API_KEY, "k", everything))
        )
    with pytest.raises(Denied):
        set_password(world.viewer, PASSWORD, actor=acting(world.owner))
    service = create_user("robot@example.com", kind=UserKind.SERVICE, actor=world.operator)
    with pytest.raises(Invalid):
        set_password(service, PASSWORD, actor=world.operator)


@pytest.mark.promise("L-01")
def test_a_new_password_is_recorded_and_not_told(world: World) -> None:
    set_password(world.viewer, "another unguessable phrase 9", actor=acting(world.admin))
    assert "unguessable" not in str(entries("USER_PASSWORD_CHANGE")[0])


@pytest.mark.promise("A-05")
def test_of_whom_a_second_factor_is_required(world: World) -> None:
    service = create_user("robot@example.com", kind=UserKind.SERVICE, role="admin", actor=world.operator)
    people = [world.admin, world.developer, world.owner, service]
    assert current_policy().require_mfa == "admins"
    assert [mfa_required_of(user) for user in people] == [True, False, False, False]
    set_require_mfa("everyone", actor=acting(world.admin))
    assert [mfa_required_of(user) for user in people] == [True, True, True, False]
    set_require_mfa("off", actor=acting(world.admin))
    assert not any(mfa_required_of(user) for user in people)
    assert entries("SETTINGS_UPDATE")[0]["metadata"]["before"] == "everyone"


def test_the_policy_is_changed_by_those_who_may_and_to_what_exists(world: World) -> None:
    with pytest.raises(Denied):
        set_require_mfa("off", actor=acting(world.developer))
    with pytest.raises(Invalid, match="sometimes"):
        set_require_mfa("sometimes", actor=world.operator)
    assert not SignInPolicy.objects.exists()


def test_an_administrator_of_a_project_is_none_of_the_platform(world: World) -> None:
    assign_role(world.nobody, "admin", project=world.project, actor=world.operator)
    assert not mfa_required_of(world.nobody)


def test_what_is_over_is_cleared_and_the_rest_stays(world: World) -> None:
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session.create()
    sign_in(world.member.email, PASSWORD, "", actor=Actor.anonymous())
    SetupLink.objects.create(token_hash="x", expires_at=clock.now() + timedelta(hours=24))
    enrol(world.owner)
    begin_enrolment(world.viewer, actor=acting(world.viewer))
    clear_expired()
    rows = (BrowserSession, TokenFamily, SetupLink, TotpDevice)
    assert [model.objects.count() for model in rows] == [1, 1, 1, 2]
    with time_machine.travel(clock.now() + timedelta(days=31)):
        clear_expired()
    assert [model.objects.count() for model in rows] == [0, 0, 0, 1]
    assert make_setup_link(actor=world.operator) is None
