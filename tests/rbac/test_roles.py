from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User, UserKind
from accounts.services import create_user, set_active
from audit.actions import Action
from audit.models import Event
from rbac.models import Grant
from rbac.permissions import Permission
from rbac.services import allowed, assign_role, remove_role, visible_grants
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, NotFound, TempsError
from tests import world as worlds
from tests.world import World, acting


def grant_of(user: User) -> Grant:
    return Grant.objects.get(user=user)


@pytest.mark.promise("R-08")
def test_a_role_is_given_replaced_and_taken_away_and_each_is_recorded(world: World) -> None:
    grant = assign_role(world.nobody, "viewer", project=world.project, actor=acting(world.owner))
    again = assign_role(world.nobody, "member", project=world.project, actor=acting(world.owner))
    assert (again.pk, again.role, again.created_by) == (grant.pk, "member", "owner@example.com")
    remove_role(again, actor=acting(world.owner))
    assert not allowed(acting(world.nobody), Permission.PROJECTS_READ, world.project)
    told = Event.objects.filter(resource_id=world.nobody.public_id, operation__startswith="ROLE").order_by("id")
    assert [event.operation for event in told] == [Action.ROLE_ASSIGN, Action.ROLE_ASSIGN, Action.ROLE_REMOVE]
    assert told[1].metadata["before"] == "viewer"


@pytest.mark.promise("R-07")
@pytest.mark.parametrize("name", ["member", "viewer", "outsider", "developer", "platform_viewer", "nobody"])
def test_who_may_not_manage_roles_changes_none(world: World, name: str) -> None:
    actor = acting(getattr(world, name))
    with pytest.raises(Denied):
        assign_role(getattr(world, name), "viewer", project=world.project, actor=actor)
    with pytest.raises(Denied):
        assign_role(getattr(world, name), "viewer", actor=actor)
    with pytest.raises(Denied):
        remove_role(grant_of(world.member), actor=actor)
    assert grant_of(world.member).role == "member"


@pytest.mark.promise("R-07")
def test_nobody_grants_more_than_they_hold(world: World) -> None:
    assign_role(world.nobody, "admin", project=world.project, actor=world.operator)
    actor = acting(world.nobody)
    with pytest.raises(Denied, match="owner includes projects:delete"):
        assign_role(world.nobody, "owner", project=world.project, actor=actor)
    with pytest.raises(Denied):
        assign_role(world.nobody, "admin", actor=acting(world.owner))
    assert assign_role(world.viewer, "admin", project=world.project, actor=actor).role == "admin"


@pytest.mark.promise("R-07")
def test_nobody_takes_away_more_than_they_hold(world: World) -> None:
    assign_role(world.member, "owner", project=world.project, actor=world.operator)
    assign_role(world.nobody, "admin", project=world.project, actor=world.operator)
    actor = acting(world.nobody)
    with pytest.raises(Denied):
        assign_role(world.owner, "viewer", project=world.project, actor=actor)
    with pytest.raises(Denied):
        remove_role(grant_of(world.owner), actor=actor)
    assert grant_of(world.owner).role == "owner"


@pytest.mark.promise("R-07")
def test_a_key_grants_nothing_at_all(world: World) -> None:
    for scopes in (None, frozenset({"roles:create", "roles:delete"})):
        actor = acting(world.admin, Credential(CredentialKind.API_KEY, scopes=scopes))
        with pytest.raises(Denied):
            assign_role(world.nobody, "viewer", actor=actor)


@pytest.mark.promise("R-07")
def test_the_last_administrator_stays(world: World) -> None:
    with pytest.raises(Conflict):
        remove_role(grant_of(world.admin), actor=world.operator)
    with pytest.raises(Conflict):
        assign_role(world.admin, "viewer", actor=acting(world.admin))
    with pytest.raises(Conflict):
        set_active(world.admin, False, actor=world.operator)
    assign_role(world.nobody, "admin", actor=acting(world.admin))
    remove_role(grant_of(world.admin), actor=acting(world.nobody))
    assert not allowed(acting(world.admin), Permission.USERS_READ)


@pytest.mark.promise("R-07")
def test_the_last_owner_of_a_project_stays(world: World) -> None:
    with pytest.raises(Conflict, match="last owner of shop"):
        remove_role(grant_of(world.owner), actor=world.operator)
    with pytest.raises(Conflict):
        assign_role(world.owner, "admin", project=world.project, actor=acting(world.owner))
    assert grant_of(world.owner).role == "owner"


@pytest.mark.promise("R-07")
def test_neither_a_machine_nor_a_disabled_account_counts_as_someone_in_charge(world: World) -> None:
    machine = create_user("ci@example.com", kind=UserKind.SERVICE, actor=world.operator)
    gone = create_user("gone@example.com", actor=world.operator)
    for user in (machine, gone):
        assign_role(user, "owner", project=world.project, actor=world.operator)
    set_active(gone, False, actor=world.operator)
    with pytest.raises(Conflict):
        remove_role(grant_of(world.owner), actor=world.operator)


def test_roles_and_places_that_do_not_exist_are_refused(world: World) -> None:
    for role, project in (("root", None), ("owner", None), ("developer", world.project), ("", world.project)):
        with pytest.raises(Invalid):
            assign_role(world.nobody, role, project=project, actor=world.operator)
    for project in (world.other, None):
        with pytest.raises(Invalid):
            assign_role(world.nobody, "viewer", project=project, environment=world.production, actor=world.operator)
    assert not Grant.objects.filter(user=world.nobody).exists()


def test_a_grant_that_is_gone_is_not_taken_away_twice(world: World) -> None:
    grant = grant_of(world.member)
    remove_role(Grant.objects.get(pk=grant.pk), actor=world.operator)
    with pytest.raises(NotFound):
        remove_role(grant, actor=world.operator)


@pytest.mark.promise("R-05")
def test_grants_are_seen_by_those_who_manage_the_scope(world: World) -> None:
    assert visible_grants(acting(world.admin)).count() == Grant.objects.count()
    assert {grant.project for grant in visible_grants(acting(world.owner))} == {world.project}
    assert not visible_grants(acting(world.member)).exists()


@pytest.mark.parametrize("scope", ["platform", "project", "environment"])
def test_the_database_holds_one_role_a_scope(world: World, scope: str) -> None:
    project = None if scope == "platform" else world.project
    environment = world.production if scope == "environment" else None
    Grant.objects.create(user=world.nobody, role="viewer", project=project, environment=environment)
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(user=world.nobody, role="admin", project=project, environment=environment)


def at_once(*attempts: Callable[[], object]) -> list[TempsError | None]:
    """Run ``attempts`` at the same moment, each over its own connection; what each raised."""
    start, outcomes = threading.Barrier(len(attempts)), [None] * len(attempts)

    def run(number: int) -> None:
        start.wait()
        try:
            attempts[number]()
        except TempsError as error:
            outcomes[number] = error  # type: ignore[call-overload]
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(attempts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(outcomes)


@pytest.mark.postgresql
@pytest.mark.promise("R-07")
@pytest.mark.parametrize("way", ["remove", "demote", "disable", "mixed"])
def test_two_administrators_who_remove_each_other_at_the_same_moment(transactional_db: None, way: str) -> None:
    world = worlds.build()
    assign_role(world.nobody, "admin", actor=world.operator)
    one, two = world.admin, world.nobody

    def against(user: User, by: User, how: str) -> Callable[[], object]:
        actor, grant = acting(by), grant_of(user)
        assert allowed(actor, Permission.ROLES_DELETE)  # both have come past this before either is done
        ways: dict[str, Callable[[], object]] = {
            "remove": lambda: remove_role(grant, actor=actor),
            "demote": lambda: assign_role(user, "viewer", actor=actor),
            "disable": lambda: set_active(User.objects.get(pk=user.pk), False, actor=actor),
        }
        return ways[how]

    first, second = ("remove", "disable") if way == "mixed" else (way, way)
    outcomes = at_once(against(one, two, first), against(two, one, second))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "NoneType"]
    assert Grant.objects.filter(project=None, role="admin", user__is_active=True).count() == 1
