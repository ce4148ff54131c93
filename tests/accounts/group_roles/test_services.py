"""Roles that groups give: who gets which, who loses it, and what no group touches."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from accounts.directory.models import Directory
from accounts.group_roles.models import GroupRole
from accounts.group_roles.services import (
    apply_groups,
    forget_source,
    group_role_by_id,
    groups_speak,
    remove_group_role,
    set_group_role,
)
from accounts.services import set_active
from audit.actions import Action, Result
from audit.models import Event
from rbac.models import Grant
from rbac.permissions import Permission
from rbac.services import allowed, assign_role
from rbac.step_up import StepUpRequired
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, NotFound
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

SOURCE = "directory:corp"
DEVELOPERS = "cn=developers,ou=groups,dc=example,dc=com"
ADMINS = "cn=admins,ou=groups,dc=example,dc=com"
BACKGROUND = groups_speak(Actor.anonymous(address="192.0.2.10", request_id="r1"))


def mapped(world: World, group: str, role: str, *, source: str = SOURCE, **where: object) -> GroupRole:
    return set_group_role(source, group, role, actor=world.operator, **where)  # type: ignore[arg-type]


def roles_of(user: object) -> dict[str, str]:
    return {grant.scope: grant.role for grant in Grant.objects.filter(user=user)}


def apply(world: World, *groups: str, source: str = SOURCE) -> dict[str, str]:
    apply_groups(world.nobody, source=source, groups=groups, actor=BACKGROUND)
    return roles_of(world.nobody)


def test_a_group_gives_its_roles_and_a_group_left_takes_them(world: World) -> None:
    mapped(world, DEVELOPERS, "developer")
    mapped(world, DEVELOPERS, "member", project=world.project)
    assert apply(world, DEVELOPERS) == {"platform": "developer", "shop": "member"}
    assert allowed(acting(world.nobody), Permission.DEPLOYMENTS_CREATE, world.project)
    assert apply(world) == {}
    assert not allowed(acting(world.nobody), Permission.PROJECTS_READ, world.project)


def test_each_change_is_one_entry_with_before_and_after(world: World) -> None:
    mapped(world, DEVELOPERS, "viewer", project=world.project)
    mapped(world, ADMINS, "owner", project=world.project)
    for groups in ([DEVELOPERS], [ADMINS], [ADMINS], []):
        apply(world, *groups)
    told = Event.objects.filter(resource_id=world.nobody.public_id, user_id="accounts.group_roles").order_by("id")
    assert [(one.operation, one.metadata["role"], one.metadata.get("before")) for one in told] == [
        (Action.ROLE_ASSIGN, "viewer", None),
        (Action.ROLE_ASSIGN, "owner", "viewer"),
        (Action.ROLE_REMOVE, "owner", None),
    ]
    assert {(one.metadata["source"], one.ip_address, one.project) for one in told} == {(SOURCE, "192.0.2.10", "shop")}


def test_of_several_groups_the_role_with_the_most_permissions_is_given(world: World) -> None:
    for group, role in ((DEVELOPERS, "member"), (ADMINS, "owner"), ("cn=readers,dc=example,dc=com", "viewer")):
        mapped(world, group, role, project=world.project)
    assert apply(world, "cn=readers,dc=example,dc=com", ADMINS, DEVELOPERS) == {"shop": "owner"}
    assert apply(world, "cn=readers,dc=example,dc=com", DEVELOPERS) == {"shop": "member"}


def test_a_role_in_one_environment_stays_there(world: World) -> None:
    mapped(world, DEVELOPERS, "member", project=world.project, environment=world.production)
    assert apply(world, DEVELOPERS) == {"shop/production": "member"}


def test_what_a_person_gave_is_neither_changed_nor_taken(world: World) -> None:
    assign_role(world.nobody, "viewer", project=world.project, actor=acting(world.owner))
    mapped(world, ADMINS, "owner", project=world.project)
    assert apply(world, ADMINS) == {"shop": "viewer"}
    assert apply(world) == {"shop": "viewer"}


def test_a_role_that_a_person_changes_becomes_theirs(world: World) -> None:
    mapped(world, DEVELOPERS, "viewer", project=world.project)
    apply(world, DEVELOPERS)
    grant = assign_role(world.nobody, "viewer", project=world.project, actor=acting(world.owner))
    assert (grant.source, grant.created_by) == ("", "owner@example.com")
    assert apply(world) == {"shop": "viewer"}


def test_one_source_does_not_touch_what_another_gave(world: World) -> None:
    mapped(world, DEVELOPERS, "viewer")
    mapped(world, "staff", "developer", source="provider:idp")
    apply(world, DEVELOPERS)
    assert apply(world, "staff", source="provider:idp") == {"platform": "viewer"}
    assert apply(world, source="provider:idp") == {"platform": "viewer"}
    assert apply(world) == {}


def test_the_last_administrator_stays_and_the_log_says_why(world: World) -> None:
    mapped(world, ADMINS, "admin")
    apply(world, ADMINS)
    set_active(world.admin, False, actor=world.operator)
    assert apply(world) == {"platform": "admin"}
    told = Event.objects.get(operation=Action.ROLE_REMOVE, result=Result.FAILURE)
    assert "last administrator" in told.metadata["reason"]
    set_active(world.admin, True, actor=world.operator)
    assert apply(world) == {}


def test_groups_are_compared_by_their_whole_name_whatever_its_spelling(world: World) -> None:
    mapped(world, "CN=Dev\\2C Ops , OU=Groups,DC=example,DC=com", "developer")
    assert apply(world, "cn=ops,ou=groups,dc=example,dc=com", "developers", "not a name", "") == {}
    assert apply(world, "cn=dev\\, ops,ou=groups,dc=EXAMPLE,dc=com") == {"platform": "developer"}


def test_groups_of_a_provider_are_compared_as_they_are(world: World) -> None:
    mapped(world, "Staff", "viewer", source="provider:idp")
    assert apply(world, "staff", source="provider:idp") == {}
    assert apply(world, "Staff", source="provider:idp") == {"platform": "viewer"}


@pytest.mark.promise("R-07")
def test_nobody_maps_or_replaces_more_than_they_hold(world: World) -> None:
    assign_role(world.nobody, "admin", project=world.project, actor=world.operator)
    made = mapped(world, ADMINS, "owner", project=world.project)
    actor = acting(world.nobody)
    for role, project in (("owner", world.project), ("viewer", world.project), ("viewer", None), ("admin", None)):
        with pytest.raises(Denied):
            set_group_role(SOURCE, ADMINS, role, project=project, actor=actor)
    with pytest.raises(Denied):
        remove_group_role(made, actor=actor)
    assert set_group_role(SOURCE, DEVELOPERS, "member", project=world.project, actor=actor).role == "member"


def test_an_api_key_maps_nothing_and_a_person_confirms_first(world: World) -> None:
    key = Credential(CredentialKind.API_KEY, id="key_1", scopes=frozenset(one.value for one in Permission))
    with pytest.raises(Denied):
        set_group_role(SOURCE, ADMINS, "viewer", actor=acting(world.admin, key))
    late = acting(world.admin)
    object.__setattr__(late, "confirmed_at", None)
    with pytest.raises(StepUpRequired):
        set_group_role(SOURCE, ADMINS, "viewer", actor=late)
    assert not GroupRole.objects.exists()


@pytest.mark.parametrize("name", ["member", "viewer", "outsider", "developer", "nobody"])
def test_who_may_not_manage_roles_neither_maps_nor_applies(world: World, name: str) -> None:
    mapped(world, ADMINS, "admin")
    actor = acting(getattr(world, name))
    with pytest.raises(Denied):
        set_group_role(SOURCE, ADMINS, "viewer", project=world.project, actor=actor)
    with pytest.raises(Denied):
        apply_groups(world.nobody, source=SOURCE, groups=[ADMINS], actor=actor)
    assert roles_of(world.nobody) == {}


@pytest.mark.parametrize(
    ("source", "group", "role", "field"),
    [
        ("corp", ADMINS, "viewer", "source"),
        ("directory:", ADMINS, "viewer", "source"),
        ("directory:nope", ADMINS, "viewer", "source"),
        ("directory:idp", ADMINS, "viewer", "source"),
        ("provider:corp", "staff", "viewer", "source"),
        ("oidc:idp", "staff", "viewer", "source"),
        (SOURCE, "", "viewer", "group"),
        (SOURCE, "admins", "viewer", "group"),
        (SOURCE, "cn=,dc=com", "viewer", "group"),
        (SOURCE, "cn=\\ff\\fe,dc=com", "viewer", "group"),
        (SOURCE, "cn=" + "x" * 600, "viewer", "group"),
        ("provider:idp", "a\nb", "viewer", "group"),
        (SOURCE, ADMINS, "emperor", "role"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(world: World, source: str, group: str, role: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        set_group_role(source, group, role, actor=world.operator)
    assert refused.value.field == field


def test_an_environment_of_another_project_is_refused(world: World) -> None:
    with pytest.raises(Invalid, match="another project"):
        mapped(world, ADMINS, "viewer", project=world.other, environment=world.production)


def test_what_is_mapped_no_longer_is_lost_at_once(world: World) -> None:
    made = mapped(world, DEVELOPERS, "developer")
    mapped(world, DEVELOPERS, "viewer", project=world.project)
    apply(world, DEVELOPERS)
    remove_group_role(made, actor=acting(world.admin))
    assert roles_of(world.nobody) == {"shop": "viewer"}
    mapped(world, DEVELOPERS, "member", project=world.project)
    assert roles_of(world.nobody) == {}
    assert apply(world, DEVELOPERS) == {"shop": "member"}


def test_a_mapping_that_holds_the_last_administrator_is_not_removed(world: World) -> None:
    made = mapped(world, ADMINS, "admin")
    apply(world, ADMINS)
    set_active(world.admin, False, actor=world.operator)
    with pytest.raises(Conflict):
        remove_group_role(made, actor=world.operator)
    assert roles_of(world.nobody) == {"platform": "admin"}
    assert GroupRole.objects.filter(pk=made.pk).exists()


def test_a_source_that_is_not_there_is_refused_with_those_that_are(world: World) -> None:
    with pytest.raises(Invalid, match="there is no directory 'nope': there is directory:corp"):
        mapped(world, ADMINS, "viewer", source="directory:nope")
    Directory.objects.all().delete()
    with pytest.raises(Invalid, match="there is no directory 'corp': there is none yet"):
        mapped(world, ADMINS, "viewer")
    assert not GroupRole.objects.exists()


def test_a_source_that_goes_takes_what_it_gave(world: World) -> None:
    mapped(world, DEVELOPERS, "developer")
    mapped(world, "staff", "viewer", source="provider:idp", project=world.project)
    apply(world, DEVELOPERS)
    apply(world, "staff", source="provider:idp")
    forget_source(SOURCE, actor=acting(world.admin))
    assert roles_of(world.nobody) == {"shop": "viewer"}


def test_mappings_are_seen_by_those_who_see_the_team(world: World) -> None:
    ours = mapped(world, DEVELOPERS, "member", project=world.project)
    platform = mapped(world, DEVELOPERS, "developer")
    assert list(GroupRole.objects.visible_to(acting(world.owner))) == [ours]
    assert set(GroupRole.objects.visible_to(acting(world.admin))) == {ours, platform}
    with pytest.raises(NotFound):
        group_role_by_id(platform.public_id, actor=acting(world.owner))


@pytest.mark.parametrize("where", ["platform", "project", "environment"])
def test_the_database_refuses_two_roles_of_a_group_in_one_scope(world: World, where: str) -> None:
    project = None if where == "platform" else world.project
    scope = {"project": project, "environment": world.production if where == "environment" else None}
    made = mapped(world, DEVELOPERS, "viewer", **scope)
    again = mapped(world, DEVELOPERS, "viewer", **scope)
    assert made.pk == again.pk
    with pytest.raises(IntegrityError), transaction.atomic():
        GroupRole.objects.create(source=SOURCE, group=DEVELOPERS, role="viewer", **scope)
