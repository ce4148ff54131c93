"""Erasing somebody must not be a way to rewrite what the log says of others."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts.models import User
from accounts.privacy.persons import erase_person
from accounts.services import create_user
from audit.actions import Action
from audit.services import record
from rbac.services import assign_role
from temps.lib.actor import Actor
from tests.accounts.events import entries
from tests.world import World, acting

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("data_dir"),
    pytest.mark.promise("A-14", "L-04"),
]


def erase(world: World, user: User) -> None:
    erase_person(user, confirm=user.email, actor=Actor.operator())


def test_a_name_that_is_a_phrase_of_the_log_rewrites_nothing_of_others(world: World) -> None:
    assign_role(world.nobody, "viewer", project=world.project, actor=acting(world.admin))
    before = entries("ROLE_ASSIGN")
    decoy = create_user("decoy@example.com", name="the role viewer on", actor=world.operator)
    erase(world, decoy)
    assert entries("ROLE_ASSIGN") == before


def test_a_name_that_is_somebody_s_id_takes_nothing_from_them(world: World) -> None:
    before = [event for event in entries("USER_CREATE") if event["resourceId"] == world.viewer.public_id]
    decoy = create_user("decoy@example.com", name=f"The {world.viewer.public_id}", actor=world.operator)
    erase(world, decoy)
    after = [event for event in entries("USER_CREATE") if event["resourceId"] == world.viewer.public_id]
    assert after == before


def test_an_address_that_somebody_else_has_by_now_stays_in_what_they_did(world: World) -> None:
    leaver = create_user("desk@example.com", name="Leaver", actor=world.operator)
    acted(leaver, "as the first at this desk")
    leaver.email = "leaver@example.com"
    leaver.save()
    acted(leaver, "moved away")
    follower = create_user("desk@example.com", name="Follower", actor=world.operator)
    acted(follower, "as the second at this desk")
    erase(world, leaver)
    told = {event["description"]: event["userEmail"] for event in entries("SETTINGS_UPDATE")}
    assert told["as the second at this desk"] == "desk@example.com"
    assert told["as the first at this desk"].endswith("@erased.invalid")


def acted(user: User, text: str) -> None:
    with transaction.atomic():
        record(acting(user), Action.SETTINGS_UPDATE, ("policy", "test"), text)
