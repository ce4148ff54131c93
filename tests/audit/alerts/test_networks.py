"""Networks that were not seen before: of administrators, and of API keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accounts.api_keys import create_api_key
from accounts.key_authentication import authenticate_key
from accounts.models import User
from accounts.sign_in import record_sign_in
from audit.alerts.matching import network_of
from audit.alerts.models import KnownNetwork, Rule
from audit.alerts.services import update_rule
from rbac.services import assign_role
from tests.audit.alerts.made import alerts, look
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-09")]
ADMINISTRATOR, KEY = "administrator_from_new_network", "api_key_from_new_network"


def signs_in(user: User, address: str) -> None:
    record_sign_in(user, actor=replace(acting(user), address=address), way="password", factor="otp_1")


def test_the_first_network_of_an_administrator_alarms_nobody(world: World) -> None:
    signs_in(world.admin, "192.0.2.7")
    signs_in(world.admin, "192.0.2.200")
    look()
    assert alerts() == []
    assert KnownNetwork.objects.get().network == "192.0.2.0/24"


def test_a_second_network_alarms_once(world: World) -> None:
    signs_in(world.admin, "192.0.2.7")
    look()
    for address in ("198.51.100.7", "198.51.100.8", "192.0.2.9"):
        signs_in(world.admin, address)
        look()
    (alert,) = alerts(ADMINISTRATOR)
    assert alert.group == f"{world.admin.email} from 198.51.100.0/24"


def test_others_alarm_nobody_and_are_learned_for_the_day_they_become_administrators(world: World) -> None:
    signs_in(world.viewer, "192.0.2.7")
    signs_in(world.viewer, "198.51.100.7")
    look()
    assert alerts() == []
    assign_role(world.viewer, "admin", actor=world.operator)
    signs_in(world.viewer, "198.51.100.7")
    signs_in(world.viewer, "2001:db8:1:2::3")
    look()
    assert [alert.group for alert in alerts()] == [f"{world.viewer.email} from 2001:db8:1::/48"]


def test_networks_are_learned_while_the_rule_is_off(world: World) -> None:
    rule = update_rule(Rule.objects.get(key=ADMINISTRATOR), enabled=False, actor=world.operator)
    signs_in(world.admin, "192.0.2.7")
    signs_in(world.admin, "198.51.100.7")
    look()
    update_rule(rule, enabled=True, actor=world.operator)
    signs_in(world.admin, "198.51.100.9")
    look()
    assert alerts() == []


def test_a_key_that_is_used_from_elsewhere_alarms(world: World, later: Any) -> None:
    key, token = create_api_key("ci", owner=world.owner, actor=acting(world.owner))
    for address in ("192.0.2.7", "192.0.2.8", "198.51.100.7"):
        authenticate_key(token, address=address)
        later.shift(61)
    look()
    (alert,) = alerts(KEY)
    assert alert.group == f"{world.owner.email} ({key.public_id}) from 198.51.100.0/24"


@pytest.mark.usefixtures("later")
def test_a_thief_does_not_hide_behind_the_busy_use_of_a_key(world: World) -> None:
    _key, token = create_api_key("ci", owner=world.owner, actor=acting(world.owner))
    for address in ("192.0.2.7", "192.0.2.7", "198.51.100.7", "192.0.2.7"):
        authenticate_key(token, address=address)
    look()
    assert len(alerts(KEY)) == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.7", "192.0.2.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("", ""), ("nonsense", "")],
)
def test_networks_are_of_the_size_of_a_customer(address: str, network: str) -> None:
    assert network_of(address) == network
