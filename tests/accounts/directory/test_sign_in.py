"""Signing in with a password that a real OpenLDAP server checks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.directory import sign_in as directory_sign_in
from accounts.directory.asking import with_password
from accounts.directory.errors import DirectoryDown
from accounts.directory.linking import link_account
from accounts.directory.models import Directory, DirectoryAccount
from accounts.directory.services import change_directory
from accounts.group_roles.services import set_group_role
from accounts.models import User
from accounts.policy import mfa_required_of
from accounts.services import set_active
from accounts.sign_in import user_with_password
from audit.actions import Action, Result
from audit.models import Event
from rbac.models import Grant
from temps.lib.actor import Actor
from tests.peers import free_port
from tests.slapd import READER_SECRET, Slapd
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

Make = Callable[..., Directory]
VISITOR = Actor.anonymous(address="192.0.2.10", request_id="r1")
SECRET = "a phrase that only the directory knows"


def sign_in(email: str = "alice@example.com", password: str = SECRET) -> User | None:
    return user_with_password(email, password, actor=VISITOR)


def test_whoever_the_directory_knows_gets_an_account_and_is_the_same_one_again(make: Make, server: Slapd) -> None:
    make()
    server.add_person("alice", SECRET, cn="Alice Example")
    user = sign_in("Alice@Example.com ")
    assert user is not None
    assert (user.email, user.name, user.has_usable_password()) == ("alice@example.com", "Alice Example", False)
    assert sign_in() == user
    assert Event.objects.filter(operation=Action.DIRECTORY_LINK, result=Result.SUCCESS).count() == 1


@pytest.mark.parametrize("security", ["starttls", "none"])
def test_starttls_works_as_tls_does_and_plain_on_this_machine(make: Make, server: Slapd, security: str) -> None:
    make(uris=server.ldap, security=security, ca_bundle=server.authority if security == "starttls" else "")
    server.add_person("alice", SECRET)
    assert sign_in() is not None


@pytest.mark.parametrize("password", ["", " ", "wrong", SECRET + " ", SECRET + "\0", "x" * 5000])
def test_no_other_password_opens(make: Make, server: Slapd, password: str) -> None:
    make()
    server.add_person("alice", SECRET)
    assert sign_in(password=password) is None
    assert not User.objects.filter(email="alice@example.com").exists()


@pytest.mark.parametrize("password", ["", "x"])
def test_an_entry_without_a_password_opens_with_none(make: Make, server: Slapd, password: str) -> None:
    make()
    server.add_person("alice")
    assert sign_in(password=password) is None


@pytest.mark.parametrize(
    "login",
    [
        *("*", "*@example.com", "alice*", "a*", "alice@example.com)(uid=*", "*)(uid=*", "*))(|(uid=*", "\\2a"),
        *(
            "alice@example.com\0",
            "\0",
            "alice@example.com)",
            "alice",
            "ALICE@EXAMPLE.COM\u200b",
            "\uff41lice@example.com",
        ),
        *('"*)(uid=*"@example.com', "a*lice@example.com", "*)(mail=*@example.com"),
    ],
)
def test_what_is_typed_never_becomes_part_of_the_filter(make: Make, server: Slapd, login: str) -> None:
    make(user_filter="(|(mail=%(user)s)(uid=%(user)s))")
    server.add_person("alice", SECRET)
    assert sign_in(login) is None
    assert not DirectoryAccount.objects.exists()


def test_people_may_be_found_by_what_is_before_the_at_sign(make: Make, server: Slapd) -> None:
    make(user_filter="(&(objectClass=person)(uid=%(local)s))")
    server.add_person("alice", SECRET, mail="alice.example@example.com")
    user = sign_in("alice@example.com")
    assert user is not None
    assert user.email == "alice.example@example.com"
    assert sign_in("alice.example@example.com") is None  # no uid of anybody
    assert sign_in("alice@example.com") == user


def test_two_entries_with_one_address_open_for_neither(make: Make, server: Slapd) -> None:
    make()
    server.add_person("alice", SECRET)
    server.add_person("mallory", "another phrase of mallory", mail="alice@example.com")
    assert sign_in() is None
    assert sign_in(password="another phrase of mallory") is None


def test_an_account_that_is_here_is_not_taken_over(make: Make, server: Slapd, world: World) -> None:
    make()
    server.add_person("admin", SECRET)
    assert sign_in("admin@example.com") is None
    assert sign_in("admin@example.com", PASSWORD) == world.admin
    assert not DirectoryAccount.objects.exists()


def test_an_entry_found_by_another_name_does_not_take_it_over_either(make: Make, server: Slapd, world: World) -> None:
    make(user_filter="(uid=%(local)s)")
    server.add_person("mallory", SECRET, mail="admin@example.com")
    assert sign_in("mallory@example.com") is None
    refused = Event.objects.get(operation=Action.DIRECTORY_LINK, result=Result.FAILURE)
    assert "temps directory link" in refused.metadata["reason"]


def test_a_linked_account_has_the_password_of_its_directory_alone(make: Make, server: Slapd, world: World) -> None:
    directory = make(create_accounts=False)
    server.add_person("viewer", SECRET)
    assert sign_in("viewer@example.com") is None
    link_account(world.viewer, directory, "viewer@example.com", actor=world.operator)
    assert sign_in("viewer@example.com") == world.viewer
    world.viewer.set_password(PASSWORD)
    world.viewer.save()
    assert sign_in("viewer@example.com", PASSWORD) is None


def test_an_address_given_to_somebody_else_opens_nothing_of_its_former_owner(make: Make, server: Slapd) -> None:
    make()
    dn = server.add_person("alice", SECRET)
    assert sign_in() is not None
    server.remove(dn)
    server.add_person("alice", "the phrase of another alice")
    assert sign_in(password="the phrase of another alice") is None


def test_a_renamed_person_keeps_the_account(make: Make, server: Slapd) -> None:
    make()
    dn = server.add_person("alice", SECRET)
    user = sign_in()
    server.change(dn, "mail", "alice.married@example.com")
    assert sign_in() is None
    assert sign_in("alice.married@example.com") == user
    assert User.objects.filter(email__startswith="alice").count() == 1


def test_without_making_accounts_strangers_stay_strangers(make: Make, server: Slapd) -> None:
    make(create_accounts=False)
    server.add_person("alice", SECRET)
    assert sign_in() is None


def test_a_disabled_account_and_a_service_do_not_get_in(make: Make, server: Slapd, world: World) -> None:
    make()
    server.add_person("alice", SECRET)
    user = sign_in()
    assert user is not None
    set_active(user, False, actor=world.operator)
    assert sign_in() is None
    User.objects.filter(pk=user.pk).update(is_active=True, kind="service")
    assert sign_in() is None


def test_a_directory_that_is_switched_off_opens_nothing(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    server.add_person("alice", SECRET)
    assert sign_in() is not None
    change_directory(directory, enabled=False, actor=world.operator)
    assert sign_in() is None


def test_groups_give_roles_and_a_group_left_takes_them(make: Make, server: Slapd, world: World) -> None:
    make()
    alice = server.add_person("alice", SECRET)
    set_group_role("directory:corp", server.set_group("admins", alice), "admin", actor=world.operator)
    set_group_role(
        "directory:corp", server.set_group("shop", alice), "owner", project=world.project, actor=world.operator
    )
    user = sign_in()
    assert user is not None
    assert {str(grant) for grant in Grant.objects.filter(user=user)} == {"admin on platform", "owner on shop"}
    assert mfa_required_of(user)
    server.set_group("admins")
    sign_in()
    assert {str(grant) for grant in Grant.objects.filter(user=user)} == {"owner on shop"}


def test_a_wrong_password_changes_no_role(make: Make, server: Slapd, world: World) -> None:
    make()
    alice = server.add_person("alice", SECRET)
    user = sign_in()
    set_group_role("directory:corp", server.set_group("admins", alice), "admin", actor=world.operator)
    assert sign_in(password="wrong") is None
    assert not Grant.objects.filter(user=user).exists()


def test_a_name_with_the_letters_of_a_filter_is_in_its_own_groups_alone(
    make: Make, server: Slapd, world: World
) -> None:
    make()
    alice = server.add_person("alice", "the phrase of alice")
    odd = server.add_person("odd", SECRET, cn="x)(member=*) \\, + <\u00e9> #")
    set_group_role("directory:corp", server.set_group("admins", alice), "admin", actor=world.operator)
    set_group_role("directory:corp", server.set_group("viewers", odd), "viewer", actor=world.operator)
    user = sign_in("odd@example.com")
    assert {str(grant) for grant in Grant.objects.filter(user=user)} == {"viewer on platform"}


def test_groups_may_stand_at_the_people(make: Make, server: Slapd, world: World) -> None:
    make(group_type="memberof")
    alice = server.add_person("alice", SECRET)
    set_group_role("directory:corp", server.set_group("viewers", alice), "viewer", actor=world.operator)
    assert {str(grant) for grant in Grant.objects.filter(user=sign_in())} == {"viewer on platform"}


@pytest.mark.parametrize("group_type", ["member", "memberof"])
def test_only_the_required_group_gets_in(make: Make, server: Slapd, group_type: str) -> None:
    alice = server.add_person("alice", SECRET)
    needed = server.set_group("temps")
    make(required_group=needed.upper(), group_type=group_type)
    assert sign_in() is None
    assert not User.objects.filter(email="alice@example.com").exists()
    server.set_group("temps", alice)
    assert sign_in() is not None


@pytest.mark.parametrize("email", ["alice@example.com", "viewer@example.com", "unknown@example.com"])
def test_while_the_server_is_down_everybody_who_fails_hears_the_same(
    make: Make, server: Slapd, world: World, email: str
) -> None:
    directory = make()
    server.add_person("alice", SECRET)
    assert sign_in() is not None
    change_directory(
        directory, uris=f"ldaps://127.0.0.1:{free_port()}", bind_password=READER_SECRET, actor=world.operator
    )
    with pytest.raises(DirectoryDown):
        sign_in(email, "wrong")
    directory.refresh_from_db()
    assert directory.is_failing
    assert sign_in("viewer@example.com", PASSWORD) == world.viewer


def test_a_second_server_answers_where_the_first_is_down(make: Make, server: Slapd) -> None:
    make(uris=f"ldaps://127.0.0.1:{free_port()} {server.ldaps}")
    server.add_person("alice", SECRET)
    assert sign_in() is not None


def test_the_page_and_the_api_say_that_a_directory_is_away_and_not_whose(
    make: Make, server: Slapd, client: Client, world: World
) -> None:
    make(uris=f"ldaps://127.0.0.1:{free_port()}")
    told = set()
    for email in ("viewer@example.com", "unknown@example.com"):
        page = client.post("/accounts/login/", {"login": email, "password": "wrong"})
        answer = client.post("/api/v1/auth/token", {"email": email, "password": "wrong"})
        told.add((page.status_code, str(page.context["form"].errors), answer.status_code, answer.json()["code"]))
    ((page_status, errors, status, code),) = told
    assert (page_status, status, code) == (200, 503, "directory_unavailable")
    assert "does not answer now" in errors


def test_the_second_factor_and_the_record_follow_as_always(
    make: Make, server: Slapd, client: Client, world: World
) -> None:
    make()
    alice = server.add_person("alice", SECRET)
    credentials = {"login": "alice@example.com", "password": SECRET}
    assert client.post("/accounts/login/", credentials).status_code == 302
    assert Event.objects.get(operation=Action.USER_SIGN_IN, result=Result.SUCCESS).metadata["way"] == "ldap"
    client.logout()
    set_group_role("directory:corp", server.set_group("admins", alice), "admin", actor=world.operator)
    answer = client.post("/accounts/login/", credentials)
    assert answer["Location"].endswith("/login/enrol/")
    assert client.get("/api/v1/users/").status_code == 401


def test_the_api_gives_tokens_and_says_by_which_way(make: Make, server: Slapd, client: Client) -> None:
    make()
    server.add_person("alice", SECRET)
    answer = client.post("/api/v1/auth/token", {"email": "alice@example.com", "password": SECRET})
    assert answer.status_code == 200
    assert Event.objects.get(operation=Action.USER_SIGN_IN, result=Result.SUCCESS).metadata["way"] == "ldap"


def test_no_password_is_told_to_a_directory_that_does_not_check_it(
    make: Make, server: Slapd, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    server.add_person("viewer", SECRET)
    tried: list[str] = []
    from accounts.directory.protocol import Conversation

    real = Conversation.accepts
    monkeypatch.setattr(Conversation, "accepts", lambda self, dn, one: tried.append(one) or real(self, dn, one))
    assert sign_in("viewer@example.com", "a typing error") is None
    assert len(tried) == 1
    assert "typing" not in tried[0]


def test_two_first_sign_ins_at_one_moment_make_one_account(
    make: Make, server: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    server.add_person("alice", SECRET)
    real, first = directory_sign_in._linked, sign_in()
    unseen = iter([None])  # as if the other sign-in had made it since
    monkeypatch.setattr(directory_sign_in, "_linked", lambda *one: next(unseen, real(*one)))
    found = with_password(Directory.objects.get(), "alice@example.com", SECRET)
    assert found is not None
    assert directory_sign_in._account_of(found, Directory.objects.get(), "alice@example.com", None, VISITOR) == first
    assert not Event.objects.filter(operation=Action.DIRECTORY_LINK, result=Result.FAILURE).exists()
