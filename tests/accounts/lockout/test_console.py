"""A locked account in the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client

from accounts.lockout.models import Lockout
from accounts.lockout.services import lockout_of
from accounts.models import User
from temps.lib import clock
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-12")]

SignIn = Callable[[User], Client]


def test_an_administrator_sees_it_and_lifts_it(world: World, signed_in: SignIn) -> None:
    Lockout.objects.create(user=world.owner, until=clock.now() + timedelta(minutes=15), attempts=51)
    client = signed_in(world.admin)
    assert "after 51 failed sign-ins" in client.get(f"/accounts/user/{world.owner.pk}/change/").content.decode()
    chosen = {"action": "unlock_selected", ACTION_CHECKBOX_NAME: world.owner.pk}
    answer = client.post("/accounts/user/", chosen, follow=True)
    assert "count no more" in answer.content.decode()
    assert lockout_of(world.owner) is None


def test_what_is_not_locked_is_not_lifted(world: World, signed_in: SignIn) -> None:
    chosen = {"action": "unlock_selected", ACTION_CHECKBOX_NAME: world.owner.pk}
    answer = signed_in(world.admin).post("/accounts/user/", chosen, follow=True)
    assert "is not locked out" in answer.content.decode()
