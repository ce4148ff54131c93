"""Who may do what, in which environment: the exact question, asked of the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from projects.models import Environment
from rbac.permissions import Permission
from rbac.services import assign_role
from secrets_vault import reading
from secrets_vault.models import Variable
from secrets_vault.places import place
from secrets_vault.services import import_variables, set_variable, unset_variable
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Denied, NotFound
from tests.world import World, acting

Operation = Callable[[World, Environment | None, Actor], Any]

CHANGES: dict[str, Operation] = {
    "set": lambda world, env, actor: set_variable(world.project, "A", "2", environment=env, actor=actor),
    "import": lambda world, env, actor: import_variables(world.project, {"A": "2"}, environment=env, actor=actor),
    "unset": lambda world, env, actor: unset_variable(world.project, "A", environment=env, actor=actor),
}
READS: dict[str, Operation] = {
    "list": lambda world, env, actor: reading.variables_in(world.project, env, actor=actor),
    "history": lambda world, env, actor: reading.variable_in(world.project, env, "A", actor=actor),
}
REVEALS: dict[str, Operation] = {
    "reveal": lambda world, env, actor: reading.reveal(world.project, env, "A", actor=actor),
    "reveal all": lambda world, env, actor: reading.reveal_all(world.project, env, actor=actor),
    "export": lambda world, env, actor: reading.export(world.project, env, actor=actor),
    "resolve": lambda world, env, actor: reading.resolve(world.project, env, actor=actor),
}
ALL = CHANGES | READS | REVEALS


@pytest.fixture
def staging(world: World) -> Environment:
    """With a secret A there, in production and in the base."""
    staging = world.project.environments.get(slug="staging")
    for environment in (None, staging, world.production):
        set_variable(world.project, "A", "1", encrypted=True, environment=environment, actor=world.operator)
    return staging


@pytest.fixture
def in_staging_alone(world: World, staging: Environment) -> User:
    assign_role(world.nobody, "admin", project=world.project, environment=staging, actor=world.operator)
    return world.nobody


@pytest.mark.promise("R-04")
@pytest.mark.parametrize("operation", ALL.values(), ids=ALL)
def test_a_grant_in_one_environment_works_there_and_only_there(
    world: World, staging: Environment, in_staging_alone: User, operation: Operation
) -> None:
    operation(world, staging, acting(in_staging_alone))
    for elsewhere in (None, world.production):
        with pytest.raises(Denied):
            operation(world, elsewhere, acting(in_staging_alone))


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("operation", ALL.values(), ids=ALL)
def test_nobody_and_outsiders_may_nothing(world: World, staging: Environment, operation: Operation) -> None:
    for actor in (acting(world.nobody), acting(world.outsider), Actor.anonymous(), Actor.system("firewall.reconcile")):
        with pytest.raises(Denied):
            operation(world, None, actor)


@pytest.mark.promise("R-03")
@pytest.mark.parametrize("operation", (CHANGES | REVEALS).values(), ids=CHANGES | REVEALS)
def test_members_and_viewers_see_that_a_secret_exists_and_no_more(
    world: World, staging: Environment, operation: Operation
) -> None:
    for user in (world.member, world.viewer, world.platform_viewer):
        (version,) = reading.variables_in(world.project, None, actor=acting(user))
        assert (version.variable.key, version.plain) == ("A", None)
        with pytest.raises(Denied):
            operation(world, None, acting(user))


def test_a_viewer_reads_plain_values_but_may_not_be_handed_the_environment(world: World) -> None:
    set_variable(world.project, "A", "1", actor=world.operator)
    viewer = acting(world.viewer)
    assert reading.reveal(world.project, None, "A", actor=viewer).value == "1"
    assert reading.export(world.project, None, actor=viewer) == {"A": "1"}
    with pytest.raises(Denied):
        reading.resolve(world.project, None, actor=viewer)


def test_a_refused_change_changes_nothing(world: World, staging: Environment) -> None:
    with pytest.raises(Denied):
        set_variable(world.project, "B", "1", actor=acting(world.member))
    assert not Variable.objects.filter(key="B").exists()


@pytest.mark.promise("A-08")
def test_a_scope_narrows_what_the_owner_may(world: World, staging: Environment) -> None:
    key = Credential(CredentialKind.API_KEY, "key_1", frozenset({"secrets:reveal"}))
    actor = acting(world.owner, key)
    assert reading.resolve(world.project, None, actor=actor) == {"A": "1"}
    with pytest.raises(Denied):
        set_variable(world.project, "A", "2", actor=actor)


def test_a_project_is_found_by_one_narrow_scope_and_hidden_from_strangers(world: World) -> None:
    key = Credential(CredentialKind.API_KEY, "key_1", frozenset({"secrets:reveal"}))
    found, environment = place(
        "shop", "production", actor=acting(world.owner, key), permission=Permission.SECRETS_REVEAL
    )
    assert (found, environment) == (world.project, world.production)
    for user in (world.outsider, world.nobody):
        with pytest.raises(NotFound):
            place("shop", None, actor=acting(user), permission=Permission.SECRETS_READ)


@pytest.mark.promise("R-04", "R-05")
def test_a_place_is_named_to_those_alone_who_may_do_something_there(
    world: World, staging: Environment, in_staging_alone: User
) -> None:
    actor, permission = acting(in_staging_alone), Permission.SECRETS_WRITE
    assert place("shop", "staging", actor=actor, permission=permission) == (world.project, staging)
    for elsewhere in (None, "production"):
        with pytest.raises(Denied):
            place("shop", elsewhere, actor=actor, permission=permission)


@pytest.mark.promise("R-05")
def test_the_console_lists_the_variables_of_the_places_one_may_read(
    world: World, staging: Environment, in_staging_alone: User
) -> None:
    def seen(user: User) -> int:
        return Variable.objects.visible_to(acting(user)).count()

    assert [seen(user) for user in (world.admin, world.viewer, in_staging_alone, world.outsider)] == [3, 3, 1, 0]
    assert Variable.objects.visible_to(acting(in_staging_alone)).get().environment == staging
