from __future__ import annotations

import dataclasses
import itertools

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects.models import Environment, Project
from rbac.models import Grant
from rbac.permissions import (
    BACKGROUND,
    EVERYTHING,
    HUMAN_ONLY,
    IN_PROJECT,
    PLATFORM_ROLES,
    PROJECT_ROLES,
    SCOPE_PRESETS,
    Permission,
    PlatformRole,
    ProjectRole,
)
from rbac.services import (
    allowed,
    allowed_anywhere,
    assign_role,
    permissions_of,
    permissions_of_role,
    projects_with,
    require,
    whole_projects_with,
)
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Denied
from tests.world import World, acting

P = Permission
RESOURCES = {
    "read create update delete": "projects deployments domains api_keys users roles",
    "read reveal write delete": "secrets",
    "read write": "firewall certificates settings monitoring backups",
    "read": "analytics error_tracking audit",
    "export": "audit",
}


@pytest.mark.promise("R-01")
def test_the_catalogue_is_the_promised_one() -> None:
    promised = {
        f"{resource}:{verb}"
        for verbs, resources in RESOURCES.items()
        for verb, resource in itertools.product(verbs.split(), resources.split())
    }
    assert {permission.value for permission in Permission} == promised


@pytest.mark.promise("R-02")
def test_platform_roles_are_admin_developer_and_viewer() -> None:
    assert PLATFORM_ROLES[PlatformRole.ADMIN] == EVERYTHING
    assert {P.PROJECTS_CREATE, P.DEPLOYMENTS_CREATE} <= PLATFORM_ROLES[PlatformRole.DEVELOPER]
    assert not {P.USERS_READ, P.ROLES_CREATE, P.SETTINGS_WRITE, P.AUDIT_READ} & PLATFORM_ROLES[PlatformRole.DEVELOPER]
    assert all(permission.endswith(":read") for permission in PLATFORM_ROLES[PlatformRole.VIEWER])


@pytest.mark.promise("R-03")
def test_project_roles_rise_from_viewer_to_owner() -> None:
    owner, admin, member, viewer = (PROJECT_ROLES[role] for role in ProjectRole)
    assert owner == IN_PROJECT
    assert owner - admin == {P.PROJECTS_DELETE}
    assert member - viewer == {P.DEPLOYMENTS_CREATE, P.DEPLOYMENTS_UPDATE}
    assert viewer < member < admin < owner
    assert all(permission.endswith(":read") for permission in viewer)


@pytest.mark.promise("R-03")
def test_no_project_role_reaches_the_platform(world: World) -> None:
    assert not any(allowed(acting(world.owner), permission) for permission in Permission)


@pytest.mark.promise("R-05")
def test_without_a_grant_there_is_nothing(world: World) -> None:
    for actor in (acting(world.nobody), Actor.anonymous(), Actor.system("unheard.of")):
        assert not any(allowed_anywhere(actor, permission) for permission in Permission)
        with pytest.raises(Denied):
            require(actor, P.PROJECTS_READ, world.project)


def test_background_work_holds_what_its_line_says_and_no_more() -> None:
    for name, permissions in BACKGROUND.items():
        assert {one for one in Permission if allowed(Actor.system(name), one)} == permissions


def test_a_refusal_says_what_is_missing_and_where(world: World) -> None:
    with pytest.raises(Denied, match="secrets:reveal on shop/production") as caught:
        require(acting(world.member), P.SECRETS_REVEAL, world.project, world.production)
    assert (caught.value.permission, caught.value.project) == ("secrets:reveal", "shop")


@pytest.mark.promise("R-05")
def test_a_disabled_account_holds_nothing(world: World) -> None:
    world.admin.is_active = False
    world.admin.save()
    assert not any(allowed_anywhere(acting(world.admin), permission) for permission in Permission)
    assert permissions_of(world.admin) == []


@pytest.mark.promise("R-04")
def test_a_role_in_one_environment_holds_there_alone(world: World) -> None:
    assign_role(world.nobody, "member", project=world.project, environment=world.production, actor=world.operator)
    actor, staging = acting(world.nobody), world.project.environments.get(slug="staging")
    assert allowed(actor, P.DEPLOYMENTS_CREATE, world.project, world.production)
    assert not allowed(actor, P.DEPLOYMENTS_CREATE, world.project, staging)
    assert not allowed(actor, P.DEPLOYMENTS_CREATE, world.project)
    assert list(Project.objects.visible_to(actor)) == [world.project]
    assert whole_projects_with(actor, P.DEPLOYMENTS_READ) == frozenset()


@pytest.mark.promise("R-04")
def test_an_environment_does_not_lend_its_rights_to_another_project(world: World) -> None:
    assign_role(world.nobody, "owner", project=world.project, environment=world.production, actor=world.operator)
    assert not allowed(acting(world.nobody), P.SECRETS_READ, world.other, world.production)
    assert not allowed(acting(world.outsider), P.SECRETS_READ, world.other, world.production)


def test_scopes_of_a_key_narrow_and_never_widen(world: World) -> None:
    scopes = frozenset({"projects:read", "secrets:write", "users:create"})
    actor = acting(world.member, Credential(CredentialKind.API_KEY, scopes=scopes))
    held = {one for one in Permission if allowed(actor, one, world.project)}
    assert held == {P.PROJECTS_READ}


@pytest.mark.parametrize("scopes", [None, frozenset({"*"}), frozenset(one.value for one in Permission)])
def test_no_key_may_do_what_is_for_people_alone(world: World, scopes: frozenset[str] | None) -> None:
    actor = acting(world.admin, Credential(CredentialKind.API_KEY, scopes=scopes))
    assert not any(allowed_anywhere(actor, permission) for permission in HUMAN_ONLY)


def test_scope_presets_offer_nothing_that_a_key_may_not_use() -> None:
    assert not any(preset & HUMAN_ONLY for preset in SCOPE_PRESETS.values())


def test_a_copy_of_an_actor_does_not_remember_the_rights_of_the_original(world: World) -> None:
    actor = acting(world.admin)
    assert allowed(actor, P.USERS_DELETE)
    narrowed = dataclasses.replace(actor, credential=Credential(CredentialKind.API_KEY, scopes=frozenset()))
    assert not allowed(narrowed, P.USERS_DELETE)


def test_an_unknown_role_in_the_database_gives_nothing(world: World) -> None:
    Grant.objects.create(user=world.nobody, role="root", created_by="someone with SQL")
    assert not any(allowed_anywhere(acting(world.nobody), permission) for permission in Permission)
    assert permissions_of_role("owner", on_project=False) == frozenset()


@pytest.mark.promise("R-08")
def test_why_someone_holds_a_permission_is_explained(world: World) -> None:
    explained = {(one.permission, one.scope, one.role) for one in permissions_of(world.member)}
    assert explained == {(permission, "shop", "member") for permission in PROJECT_ROLES[ProjectRole.MEMBER]}


GRANTS = st.lists(
    st.tuples(st.sampled_from(["platform", "shop", "other", "shop/production"]), st.sampled_from([*ProjectRole])),
    unique_by=lambda grant: grant[0],
)
SCOPES = st.none() | st.frozensets(st.sampled_from([permission.value for permission in Permission]), max_size=12)


@pytest.mark.promise("R-05")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grants=GRANTS, scopes=SCOPES, kind=st.sampled_from(CredentialKind))
def test_effective_permissions_are_the_union_of_the_grants_within_the_scopes(
    world: World, grants: list[tuple[str, ProjectRole]], scopes: frozenset[str] | None, kind: CredentialKind
) -> None:
    places: dict[str, tuple[Project | None, Environment | None]] = {
        "platform": (None, None),
        "shop": (world.project, None),
        "other": (world.other, None),
        "shop/production": (world.project, world.production),
    }
    inside = {"platform": [], "shop": ["platform"], "other": ["platform"], "shop/production": ["platform", "shop"]}
    usable = {one for one in Permission if scopes is None or one.value in scopes}
    usable -= HUMAN_ONLY if kind is CredentialKind.API_KEY else set()
    with transaction.atomic():
        for place, role in grants:
            project, environment = places[place]
            Grant.objects.create(user=world.nobody, role=role.value, project=project, environment=environment)
        actor = acting(world.nobody, Credential(kind, scopes=scopes))
        for place, (project, environment) in places.items():
            union: set[Permission] = set()
            for held, role in grants:
                if held in (place, *inside[place]):
                    union |= permissions_of_role(role, on_project=held != "platform")
            assert {one for one in Permission if allowed(actor, one, project, environment)} == union & usable
        everywhere = projects_with(actor, P.PROJECTS_READ)
        visible = set(Project.objects.visible_to(actor))
        assert visible == {
            project for project in (world.project, world.other) if everywhere is None or project.pk in everywhere
        }
        transaction.set_rollback(True)
