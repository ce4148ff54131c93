"""Who left the directory loses what they had within the hour, and comes back when they do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.directory.errors import DirectoryFault
from accounts.directory.models import Directory, DirectoryAccount
from accounts.directory.recheck import MANY, recheck_directory
from accounts.directory.services import change_directory
from accounts.directory.sign_in import WORKER
from accounts.directory.tasks import recheck
from accounts.group_roles.services import set_group_role
from accounts.models import User
from accounts.services import set_active
from accounts.sign_in import user_with_password
from audit.actions import Action, Result
from audit.models import Event
from rbac.models import Grant
from temps.lib.actor import Actor
from tests.peers import free_port
from tests.slapd import READER_SECRET, Slapd
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

Make = Callable[..., Directory]
SECRET = "a phrase that only the directory knows"
BACKGROUND = Actor.system(WORKER)


def come(name: str = "alice") -> User:
    user = user_with_password(f"{name}@example.com", SECRET, actor=Actor.anonymous(address="192.0.2.10"))
    assert user is not None
    return user


def is_active(user: User) -> bool:
    user.refresh_from_db()
    return user.is_active


def test_who_is_gone_is_disabled_and_enabled_again_when_they_are_back(make: Make, server: Slapd) -> None:
    directory = make(user_filter="(&(mail=%(user)s)(!(employeeType=former)))")
    dn = server.add_person("alice", SECRET)
    user = come()
    recheck()
    assert is_active(user)
    server.change(dn, "employeeType", "former")
    recheck()
    assert not is_active(user)
    server.change(dn, "employeeType", "staff")
    assert recheck_directory(directory, actor=BACKGROUND).present == 1
    assert is_active(user)


def test_an_entry_that_was_removed_disables_its_account(make: Make, server: Slapd) -> None:
    directory = make()
    dn = server.add_person("alice", SECRET)
    user = come()
    server.remove(dn)
    assert recheck_directory(directory, actor=BACKGROUND).gone == 1
    assert not is_active(user)
    assert DirectoryAccount.objects.get(user=user).gone_at is not None


def test_whom_a_person_disabled_stays_disabled(make: Make, server: Slapd, world: World) -> None:
    make()
    server.add_person("alice", SECRET)
    user = come()
    set_active(user, False, actor=world.operator)
    recheck()
    assert not is_active(user)


@pytest.mark.parametrize("before", [True, False])
def test_whom_a_person_disabled_stays_so_when_the_directory_knows_them_again(
    make: Make, server: Slapd, world: World, before: bool
) -> None:
    """Before the directory did, or on top of it."""
    make(user_filter="(&(mail=%(user)s)(!(employeeType=former)))")
    dn = server.add_person("alice", SECRET)
    user = come()
    if before:
        set_active(user, False, actor=world.operator)
    server.change(dn, "employeeType", "former")
    recheck()
    if not before:
        set_active(user, False, actor=world.operator)
        recheck()
    assert DirectoryAccount.objects.get(user=user).gone_at is None
    server.change(dn, "employeeType", "staff")
    recheck()
    assert not is_active(user)


def test_whom_a_person_enables_is_disabled_again_and_comes_back(make: Make, server: Slapd, world: World) -> None:
    make(user_filter="(&(mail=%(user)s)(!(employeeType=former)))")
    dn = server.add_person("alice", SECRET)
    user = come()
    server.change(dn, "employeeType", "former")
    recheck()
    set_active(user, True, actor=world.operator)
    recheck()
    assert not is_active(user)
    server.change(dn, "employeeType", "staff")
    recheck()
    assert is_active(user)


def test_roles_follow_the_groups_without_a_sign_in(make: Make, server: Slapd, world: World) -> None:
    make()
    alice = server.add_person("alice", SECRET)
    user = come()
    group = server.set_group("viewers", alice)
    set_group_role("directory:corp", group, "viewer", actor=world.operator)
    recheck()
    assert Grant.objects.get(user=user).role == "viewer"
    server.set_group("viewers")
    recheck()
    assert not Grant.objects.filter(user=user).exists()


def test_who_left_the_required_group_is_disabled(make: Make, server: Slapd) -> None:
    alice = server.add_person("alice", SECRET)
    make(required_group=server.set_group("temps", alice))
    user = come()
    server.set_group("temps")
    recheck()
    assert not is_active(user)


def test_while_the_server_is_down_nobody_is_disabled(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    server.add_person("alice", SECRET)
    user = come()
    gone = f"ldaps://127.0.0.1:{free_port()}"
    change_directory(directory, uris=gone, bind_password=READER_SECRET, actor=world.operator)
    recheck()
    assert is_active(user)
    directory.refresh_from_db()
    assert directory.is_failing


def test_that_everybody_is_gone_is_a_fault(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    users = []
    for number in range(MANY):
        server.add_person(f"p{number}", SECRET)
        users.append(come(f"p{number}"))
    directory = change_directory(directory, user_filter="(uid=nobody-%(user)s)", actor=world.operator)
    with pytest.raises(DirectoryFault, match="none of the 5 accounts"):
        recheck_directory(directory, actor=BACKGROUND)
    assert all(map(is_active, users))


def test_the_last_administrator_stays_and_the_log_says_why(make: Make, server: Slapd, world: World) -> None:
    make()
    alice = server.add_person("alice", SECRET)
    user = come()
    set_group_role("directory:corp", server.set_group("admins", alice), "admin", actor=world.operator)
    recheck()
    set_active(world.admin, False, actor=world.operator)
    server.remove(alice)
    recheck()
    assert is_active(user)
    told = Event.objects.get(operation=Action.USER_UPDATE, result=Result.FAILURE)
    assert "last administrator" in told.metadata["reason"]
    assert DirectoryAccount.objects.get(user=user).gone_at is None
