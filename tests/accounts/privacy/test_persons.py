"""A copy of what is held on a person, and their erasure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from accounts.api_keys import create_api_key
from accounts.models import ApiKey, User
from accounts.policy import set_require_mfa
from accounts.privacy.persons import archive_of, erase_person
from accounts.totp import manual_key
from rbac.models import Grant
from rbac.services import assign_role
from rbac.step_up import StepUpRequired
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Conflict, Denied
from tests.accounts.events import entries
from tests.world import PASSWORD, World, acting, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-14")]


def test_the_archive_holds_everything_that_belongs_to_the_person(world: World) -> None:
    key, _token = create_api_key("laptop", owner=world.owner, actor=acting(world.owner))
    enrol(world.owner)
    archive = archive_of(world.owner, actor=acting(world.owner))
    assert archive["account"]["email"] == world.owner.email
    belongings = archive["belongings"]
    assert belongings["accounts.apikey"][0]["public_id"] == key.public_id
    assert belongings["rbac.grant"][0]["role"] == "owner"
    assert len(belongings["accounts.totpdevice"]) == 1
    assert any(entry["operation"] == "API_KEY_CREATE" for entry in archive["audit"])
    json.dumps(archive)


def test_no_secret_is_in_it(world: World) -> None:
    key, token = create_api_key("laptop", owner=world.owner, actor=acting(world.owner))
    device = enrol(world.owner)
    text = json.dumps(archive_of(world.owner, actor=acting(world.owner)))
    for secret in (token, key.secret_hash, world.owner.password, manual_key(device), PASSWORD):
        assert secret not in text


def test_one_gets_one_s_own_and_only_administrators_those_of_others(world: World) -> None:
    assert archive_of(world.owner, actor=acting(world.admin))["id"] == world.owner.public_id
    with pytest.raises(Denied):
        archive_of(world.owner, actor=acting(world.member))
    with pytest.raises(Denied):
        archive_of(world.owner, actor=acting(world.owner, Credential(CredentialKind.API_KEY)))
    with pytest.raises(StepUpRequired):
        archive_of(world.owner, actor=replace(acting(world.owner), confirmed_at=None))


def erase(world: World, user: User) -> str:
    return erase_person(user, confirm=user.email, actor=acting(world.admin))


def test_the_account_goes_with_all_that_belongs_to_it(world: World) -> None:
    create_api_key("laptop", owner=world.viewer, actor=acting(world.viewer))
    pseudonym = erase(world, world.viewer)
    assert not User.objects.filter(email="viewer@example.com").exists()
    assert not ApiKey.objects.exists()
    (event,) = entries("USER_ERASE")
    assert event["resourceId"] in pseudonym
    assert "viewer@example.com" not in json.dumps(event)


def everywhere(text: str) -> list[str]:
    """The columns of all tables that say ``text``."""
    found = []
    quoted = connection.ops.quote_name
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            for field in model._meta.concrete_fields:
                table, column = quoted(model._meta.db_table), quoted(field.column)
                says = f"SELECT count(*) FROM {table} WHERE lower(CAST({column} AS text)) LIKE %s"  # noqa: S608
                cursor.execute(says, [f"%{text.lower()}%"])
                if cursor.fetchone()[0]:
                    found.append(f"{model._meta.db_table}.{field.column}")
    return found


def test_no_column_of_the_database_names_them_afterwards(world: World) -> None:
    """They had a name, made a key, gave a role, and changed a policy."""
    assign_role(world.developer, "admin", actor=world.operator)
    person = acting(world.developer)
    create_api_key("laptop", owner=world.developer, actor=person)
    assign_role(world.nobody, "viewer", project=world.project, actor=person)
    set_require_mfa("everyone", actor=person)
    assert everywhere("developer@example.com")
    erase(world, world.developer)
    assert everywhere("developer@example.com") == []
    assert Grant.objects.get(user=world.nobody).created_by.endswith("@erased.invalid")


def test_nothing_is_erased_by_a_slip(world: World) -> None:
    with pytest.raises(Conflict):
        erase_person(world.viewer, confirm="owner@example.com", actor=acting(world.admin))
    assert User.objects.filter(pk=world.viewer.pk).exists()


def test_the_last_owner_and_oneself_stay(world: World) -> None:
    with pytest.raises(Conflict):
        erase(world, world.owner)
    with pytest.raises(Denied):
        erase(world, world.admin)
    assert User.objects.filter(pk__in=[world.owner.pk, world.admin.pk]).count() == 2


@pytest.mark.parametrize("kind", [CredentialKind.API_KEY, CredentialKind.SESSION])
def test_only_people_who_may_delete_accounts_erase(world: World, kind: CredentialKind) -> None:
    who = world.admin if kind is CredentialKind.API_KEY else world.owner
    with pytest.raises(Denied):
        erase_person(world.viewer, confirm=world.viewer.email, actor=acting(who, Credential(kind)))


def test_it_asks_again_who_is_there(world: World) -> None:
    with pytest.raises(StepUpRequired):
        erase_person(world.viewer, confirm=world.viewer.email, actor=replace(acting(world.admin), confirmed_at=None))


def test_over_the_api(world: World, api: Any) -> None:
    client = api(world.admin)
    archive = client.post(f"/api/v1/users/{world.viewer.public_id}/archive/")
    assert archive.json()["account"]["email"] == world.viewer.email
    erased = client.post(
        f"/api/v1/users/{world.viewer.public_id}/erase/", {"confirm": world.viewer.email}, format="json"
    )
    assert erased.json()["pseudonym"] == f"{world.viewer.public_id}@erased.invalid"
    assert api(world.owner).post("/api/v1/users/me/archive/").json()["id"] == world.owner.public_id
