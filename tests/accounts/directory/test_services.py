"""Adding, changing, linking and removing: who may, and what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accounts.directory.asking import look_up
from accounts.directory.errors import DirectoryFault
from accounts.directory.linking import link_account, try_directory, unlink_account
from accounts.directory.models import Directory, DirectoryAccount
from accounts.directory.services import change_directory, create_directory, delete_directory, password_of
from accounts.group_roles.models import GroupRole
from accounts.group_roles.services import set_group_role
from accounts.sign_in import user_with_password
from audit.actions import Action
from audit.models import Event
from rbac.models import Grant
from rbac.permissions import Permission
from rbac.step_up import StepUpRequired
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, NotFound, SealError
from tests.audit.tables import refuse_inserts
from tests.slapd import READER, READER_SECRET, Slapd, require_python_ldap
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

Make = Callable[..., Directory]
SECRET = "a phrase that only the directory knows"
GIVEN: dict[str, Any] = {"uris": "ldaps://ldap.example.com", "user_base": "ou=people,dc=example,dc=com"}


@pytest.fixture(autouse=True)
def installed() -> None:
    require_python_ldap()


def add(world: World, **more: Any) -> Directory:
    return create_directory(more.pop("name", "corp"), actor=more.pop("actor", world.operator), **(GIVEN | more))


def test_where_ldap_is_not_installed_none_is_added_or_enabled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = change_directory(add(world), enabled=False, actor=world.operator)
    monkeypatch.setitem(sys.modules, "ldap", None)
    with pytest.raises(DirectoryFault, match="make ldap"):
        change_directory(directory, enabled=True, actor=world.operator)
    with pytest.raises(DirectoryFault, match="make ldap"):
        add(world, name="other")
    assert [(one.name, one.enabled) for one in Directory.objects.all()] == [("corp", False)]


def test_where_ldap_is_gone_a_directory_can_be_disabled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = add(world)
    monkeypatch.setitem(sys.modules, "ldap", None)
    assert not change_directory(directory, enabled=False, actor=world.operator).enabled


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("uris", value) for value in ("", "ldap://ldap.example.com", "https://ldap.example.com", "ldaps://")),
        *(
            ("uris", value)
            for value in ("ldaps://u:p@ldap.example.com", "ldaps://h/dc=x", "ldaps://h:0", "ldaps://169.254.169.254")
        ),
        *(("security", value) for value in ("", "ssl")),
        *(("user_base", value) for value in ("", "people", "ou=,dc=x")),
        *(("user_filter", value) for value in ("(mail=x)", "mail=%(user)s", "(mail=%(user)s))", "((mail=%(user)s)")),
        *(
            ("user_filter", value)
            for value in ("(mail=%(user)s)(uid=*)", "(mail=%s)(%(user)s)", "(=%(user)s)", "(mail=%(user)s\n)")
        ),
        *(("group_filter", value) for value in ("", "(cn=%(user)s)", "cn=*")),
        *(("id_attribute", value) for value in ("", "entry)(uid", "1id")),
        *(("timeout", value) for value in (0, 31)),
        *(("group_type", value) for value in ("", "posix")),
        *(("ca_bundle", value) for value in ("nothing", "-----BEGIN PRIVATE KEY-----")),
        ("required_group", "admins"),
        ("bind_dn", "reader"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(world: World, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        add(world, **{field: value})
    assert refused.value.field == field
    assert not Directory.objects.exists()


@pytest.mark.parametrize("host", ["ldap.example.com", "192.0.2.1", "[2001:db8::1]", "localhost.example.com"])
def test_without_encryption_only_this_machine_is_asked(world: World, host: str) -> None:
    with pytest.raises(Invalid, match="only localhost"):
        add(world, uris=f"ldap://{host}", security="none")
    assert add(world, uris="ldap://localhost ldap://[::1]:1389", security="none").uris.split()[1] == "ldap://[::1]:1389"


@pytest.mark.parametrize("given", [{"uris": "ldaps://127.0.0.9"}, {"security": "none", "uris": "ldap://127.0.0.1"}])
def test_the_password_is_not_sent_elsewhere_unless_it_is_entered_again(world: World, given: dict[str, Any]) -> None:
    directory = add(world, bind_dn=READER, bind_password=READER_SECRET)
    with pytest.raises(Invalid) as refused:
        change_directory(directory, **given, actor=world.operator)
    assert refused.value.field == "bind_password"
    changed = change_directory(directory, **given, bind_password="another", actor=world.operator)
    assert password_of(changed) == "another"
    changed = change_directory(changed, uris="ldaps://127.0.0.8", security="tls", bind_dn="", actor=world.operator)
    assert password_of(changed) == ""


def test_a_bind_dn_and_its_password_come_together(world: World) -> None:
    for more in ({"bind_dn": READER}, {"bind_password": "secret"}, {"bind_dn": READER, "bind_password": "a\0b"}):
        with pytest.raises(Invalid) as refused:
            add(world, **more)
        assert refused.value.field == "bind_password"


def test_the_password_is_sealed_and_never_recorded(world: World) -> None:
    directory = add(world, bind_dn=READER, bind_password=READER_SECRET)
    assert password_of(directory) == READER_SECRET
    assert READER_SECRET.encode() not in bytes(directory.sealed_password or b"")
    changed = change_directory(directory, timeout=9, actor=world.operator)
    assert password_of(changed) == READER_SECRET
    told = json.dumps(list(Event.objects.values("description", "metadata")), default=str)
    assert READER_SECRET not in told
    directory.revision = 1
    directory.sealed_password = changed.sealed_password
    with pytest.raises(SealError):
        password_of(directory)


@pytest.mark.parametrize("name", ["developer", "platform_viewer", "owner", "nobody"])
def test_only_administrators_say_who_people_are(world: World, name: str) -> None:
    directory, actor = add(world), acting(getattr(world, name))
    calls: list[Callable[[], object]] = [
        lambda: add(world, name="other", actor=actor),
        lambda: change_directory(directory, timeout=9, actor=actor),
        lambda: delete_directory(directory, actor=actor),
        lambda: try_directory(directory, "x", actor=actor),
        lambda: link_account(world.viewer, directory, "x", actor=actor),
        lambda: unlink_account(world.viewer, actor=actor),
    ]
    for call in calls:
        with pytest.raises(Denied):
            call()
    assert not Directory.objects.visible_to(acting(world.owner)).exists()


def test_no_key_does_and_a_person_confirms_first(world: World) -> None:
    key = Credential(CredentialKind.API_KEY, id="key_1", scopes=frozenset(one.value for one in Permission))
    with pytest.raises(Denied):
        add(world, actor=acting(world.admin, key))
    with pytest.raises(StepUpRequired):
        add(world, actor=replace(acting(world.admin), confirmed_at=None))


def test_names_are_taken_once(world: World) -> None:
    add(world)
    with pytest.raises(Conflict):
        add(world)
    with pytest.raises(Invalid):
        add(world, name="Corp Directory")


def test_a_try_shows_the_entry_and_its_groups(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    alice = server.add_person("alice", SECRET, cn="Alice")
    group = server.set_group("admins", alice)
    tried = try_directory(directory, "alice@example.com", actor=acting(world.admin))
    assert tried.known is not None
    assert (tried.problem, tried.known.entry.dn, tried.known.groups) == ("", alice, (group,))
    assert Directory.objects.get().last_ok_at is not None
    assert (
        try_directory(directory, "bob@example.com", actor=acting(world.admin)).problem == "nobody is found by this name"
    )
    server.add_person("twin", SECRET, mail="alice@example.com")
    assert "more than one" in try_directory(directory, "alice@example.com", actor=acting(world.admin)).problem


def test_linking_ends_the_password_and_unlinking_the_roles(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    viewer = server.add_person("viewer", SECRET)
    set_group_role("directory:corp", server.set_group("admins", viewer), "developer", actor=world.operator)
    mark = world.viewer.get_session_auth_hash()
    link_account(world.viewer, directory, "viewer@example.com", actor=acting(world.admin))
    world.viewer.refresh_from_db()
    assert (world.viewer.has_usable_password(), world.viewer.get_session_auth_hash() == mark) == (False, False)
    assert Grant.objects.filter(user=world.viewer, source="directory:corp").exists()
    unlink_account(world.viewer, actor=acting(world.admin))
    assert not Grant.objects.filter(user=world.viewer, source="directory:corp").exists()
    assert user_with_password("viewer@example.com", SECRET, actor=Actor.anonymous(address="192.0.2.1")) is None
    assert Grant.objects.filter(user=world.viewer, project=world.project, role="viewer").exists()


def test_one_entry_is_one_account(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    server.add_person("alice", SECRET)
    link_account(world.viewer, directory, "alice@example.com", actor=world.operator)
    for user in (world.viewer, world.member):
        with pytest.raises(Conflict):
            link_account(user, directory, "alice@example.com", actor=world.operator)
    with pytest.raises(NotFound):
        link_account(world.member, directory, "bob@example.com", actor=world.operator)
    with pytest.raises(NotFound):
        unlink_account(world.member, actor=world.operator)


def test_linking_that_cannot_be_recorded_does_not_happen(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    server.add_person("alice", SECRET)
    refuse_inserts("audit_event")
    with pytest.raises(Exception, match="audit log cannot be written"):
        link_account(world.viewer, directory, "alice@example.com", actor=world.operator)
    world.viewer.refresh_from_db()
    assert world.viewer.check_password(PASSWORD)
    assert not DirectoryAccount.objects.exists()


def test_a_directory_that_goes_takes_its_roles_and_leaves_its_accounts(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    alice = server.add_person("alice", SECRET)
    set_group_role("directory:corp", server.set_group("admins", alice), "developer", actor=world.operator)
    user = user_with_password("alice@example.com", SECRET, actor=Actor.anonymous(address="192.0.2.1"))
    assert user is not None
    delete_directory(directory, actor=acting(world.admin))
    assert not GroupRole.objects.exists()
    assert not Grant.objects.filter(user=user).exists()
    user.refresh_from_db()
    assert not user.has_usable_password()
    assert Event.objects.filter(operation=Action.DIRECTORY_DELETE).exists()


def test_a_change_takes_hold_at_once(make: Make, server: Slapd, world: World) -> None:
    directory = make()
    server.add_person("alice", SECRET)
    assert look_up(directory, "alice@example.com") is not None
    changed = change_directory(directory, user_filter="(uid=%(user)s)", actor=acting(world.admin))
    assert look_up(changed, "alice@example.com") is None
    assert look_up(changed, "alice") is not None
