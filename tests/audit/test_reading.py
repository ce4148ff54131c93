from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
import time_machine
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from audit.actions import Action
from audit.addresses import beginning, pattern
from audit.models import Event
from audit.reading import event_by_id, narrowed, parse_time, visible_events
from audit.services import record
from projects.services import create_project, delete_project
from rbac.services import assign_role
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Invalid, NotFound
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-05")]


def projects_seen(actor: Actor) -> set[str]:
    return set(visible_events(actor).values_list("project", flat=True))


def test_the_platform_s_reader_sees_everything(world: World) -> None:
    assert projects_seen(acting(world.admin)) == {"", "shop", "other"}
    assert visible_events(world.operator).count() == Event.objects.count()


def test_a_project_s_reader_sees_that_project_alone(world: World) -> None:
    assert projects_seen(acting(world.owner)) == {"shop"}
    assert projects_seen(acting(world.outsider)) == {"other"}


@pytest.mark.parametrize("name", ["member", "viewer", "nobody", "developer", "platform_viewer"])
def test_without_the_permission_there_is_nothing_to_see(world: World, name: str) -> None:
    assert projects_seen(acting(getattr(world, name))) == set()
    assert not visible_events(Actor.anonymous()).exists()


def test_a_role_in_one_environment_does_not_open_the_whole_project(world: World) -> None:
    assign_role(world.nobody, "admin", project=world.project, environment=world.production, actor=world.operator)
    assert projects_seen(acting(world.nobody)) == set()


def test_a_key_without_the_scope_reads_nothing(world: World) -> None:
    credential = Credential(CredentialKind.API_KEY, scopes=frozenset({"projects:read"}))
    assert projects_seen(acting(world.admin, credential)) == set()


def test_taking_over_the_name_of_a_project_does_not_open_its_history(world: World) -> None:
    delete_project(world.project, actor=world.operator)
    again = create_project("Shop", actor=world.operator)
    assign_role(world.nobody, "owner", project=again, actor=world.operator)
    seen = visible_events(acting(world.nobody)).values_list("operation", flat=True)
    assert sorted(seen) == [Action.PROJECT_CREATE, Action.ROLE_ASSIGN]
    assert Event.objects.filter(project="shop", operation=Action.PROJECT_DELETE).exists()


def test_an_event_of_another_project_is_no_event(world: World) -> None:
    event = Event.objects.filter(project="shop").earliest("id")
    assert event_by_id(event.public_id, actor=acting(world.owner)) == event
    with pytest.raises(NotFound):
        event_by_id(event.public_id, actor=acting(world.outsider))


def test_filters_narrow_together(world: World) -> None:
    create_project("Mine", actor=acting(world.developer))
    rows = narrowed(Event.objects.all(), user="DEVELOPER@example.com", operation="project_create", since="1h")
    assert [event.project for event in rows] == ["mine"]
    assert [event.project for event in narrowed(rows, text="MINE", result="success", project="mine")] == ["mine"]
    assert not narrowed(rows, result="denied").exists()
    assert narrowed(Event.objects.all(), user=world.developer.public_id).get().project == "mine"


def test_a_misspelt_operation_is_answered_with_what_is_close() -> None:
    with pytest.raises(Invalid, match="perhaps DEPLOYMENT_CREATE") as caught:
        narrowed(Event.objects.all(), operation="DEPLOYMENT_CREAT")
    assert caught.value.field == "operation"


@pytest.mark.parametrize("wrong", ["yesterday", "2h2h", "-2h", "9999999d", "999999w", "2024-02-30", "", " "])
def test_a_time_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid):
        parse_time(wrong, field="since")


def test_times_are_ago_or_iso_in_utc() -> None:
    assert (
        timedelta(hours=1, minutes=59) < clock.now() - parse_time("2h", field="since") < timedelta(hours=2, minutes=1)
    )
    assert parse_time("2024-01-31", field="since").isoformat() == "2024-01-31T00:00:00+00:00"
    assert parse_time("2024-01-31T12:00:00+02:00", field="since").isoformat() == "2024-01-31T10:00:00+00:00"


@pytest.mark.parametrize("text", ["x" * 201, "a\0b"])
def test_a_filter_that_no_database_should_see_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        narrowed(Event.objects.all(), text=text)


@pytest.mark.parametrize("text", ["%", "_", "'; DROP TABLE audit_event; --", "\\"])
def test_a_search_text_is_text_and_no_pattern(world: World, text: str) -> None:
    assert not narrowed(Event.objects.filter(operation=Action.PROJECT_CREATE), text=text).exists()


def addressed(*addresses: str) -> None:
    with transaction.atomic():
        for address in addresses:
            actor = Actor.anonymous(address=address, user_agent="curl/8.5", request_id=f"r-{address}")
            record(actor, Action.SETTINGS_UPDATE, ("thing", address), "100% of it_ \\ done")


def from_network(network: str) -> set[str]:
    return set(narrowed(Event.objects.all(), address=network).values_list("ip_address", flat=True))


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("10.1.16.0/20", {"10.1.16.0", "10.1.31.255", "10.1.20.7"}, {"10.1.15.255", "10.1.32.0", "110.1.16.0"}),
        ("192.0.2.128/25", {"192.0.2.128", "192.0.2.255"}, {"192.0.2.127", "192.0.2.1", "192.0.2.12"}),
        ("0.0.0.0/0", {"10.1.1.1", "255.255.255.255"}, {"2001:db8::1", "::1"}),
        (
            "2001:db8::/32",
            {"2001:db8::", "2001:db8:1::2", "2001:db8:0:1::"},
            {"2001:db80::", "2001:db9::1", "2001::db8"},
        ),
        ("2001:db8:8000::/33", {"2001:db8:8000::1", "2001:db8:ffff::"}, {"2001:db8:7fff::", "2001:db8::8000"}),
        ("::/96", {"::", "::1", "::ffff"}, {"::1:0:0", "1::", "ffff::1"}),
        ("::ffff:192.0.2.1", {"192.0.2.1"}, {"192.0.2.10"}),
        ("2001:DB8::0:1/128", {"2001:db8::1"}, {"2001:db8::10"}),
    ],
)
def test_a_network_finds_its_addresses_and_no_other(network: str, inside: set[str], outside: set[str]) -> None:
    addressed(*inside, *outside)
    assert from_network(network) == inside


PARTS = st.one_of(st.just(0), st.integers(0, 1), st.integers(0, 0xFFFF))
ADDRESSES = st.lists(PARTS, min_size=8, max_size=8).map(lambda parts: int.from_bytes(struct.pack("!8H", *parts), "big"))


@given(ADDRESSES, ADDRESSES, st.integers(0, 127), st.booleans())
def test_every_network_s_pattern_means_the_network(base: int, other: int, length: int, near: bool) -> None:
    network = IPv6Network((base >> (128 - length) << (128 - length), length))
    address = IPv6Address(base ^ (other >> length) if near else other)
    said = str(address).startswith(beginning(network)) and re.search(pattern(network), str(address)) is not None
    assert said is (address in network)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 31), st.booleans())
def test_so_does_that_of_every_ipv4_network(base: int, other: int, length: int, near: bool) -> None:
    network = IPv4Network((base >> (32 - length) << (32 - length), length))
    address = IPv4Address(base ^ (other >> length) if near else other)
    said = str(address).startswith(beginning(network)) and re.search(pattern(network), str(address)) is not None
    assert said is (address in network)


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "10.0.0", "fe80::1%eth0", "10.0.0.0/33", "%", "1.2.3.4/", "shop"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid) as caught:
        narrowed(Event.objects.all(), address=wrong)
    assert caught.value.field == "address"


@pytest.mark.parametrize(
    ("text", "found"), [("%", 1), ("_", 1), ("\\", 1), ("1%0", 0), ("i_t", 0), ("CURL", 1), ("' OR", 0)]
)
def test_signs_with_a_meaning_in_sql_are_found_as_they_are(text: str, found: int) -> None:
    addressed("192.0.2.1")
    assert narrowed(Event.objects.all(), text=text).count() == found


@pytest.mark.parametrize("filters", [{"user": "%"}, {"project": "sho_"}, {"resource": "thin_"}, {"request": "r-%"}])
def test_exact_filters_know_no_wildcards(world: World, filters: dict[str, str]) -> None:
    addressed("192.0.2.1")
    assert not narrowed(Event.objects.all(), **filters).exists()


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"operation": "project_*"}, 2),
        ({"operation": "PROJECT_CREATE, ROLE_ASSIGN", "project": "other"}, 2),
        ({"result": "denied,failure"}, 0),
        ({"resource": "project"}, 2),
        ({"resource": "shop"}, 1),
        ({"resource": "project:shop"}, 1),
        ({"resource": "user:shop"}, 0),
        ({"request": "no-such"}, 0),
    ],
)
def test_each_filter_finds_what_it_says(world: World, filters: dict[str, str], count: int) -> None:
    assert narrowed(Event.objects.all(), **filters).count() == count


@pytest.mark.parametrize("wrong", ["SECRIT_*", "*", "_*", "PROJECT_CREATE,", "PROJECT*", "S*"])
def test_a_family_that_there_is_not_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid, match="there is no operation"):
        narrowed(Event.objects.all(), operation=wrong)


def test_until_a_day_includes_the_day() -> None:
    assert parse_time("2024-01-31", field="until", whole_day=True).isoformat() == "2024-02-01T00:00:00+00:00"
    assert parse_time("2024-01-31T12:00", field="until", whole_day=True).isoformat() == "2024-01-31T12:00:00+00:00"


def test_a_time_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        narrowed(Event.objects.all(), since="1d", until="2d")
    assert caught.value.field == "until"


def test_since_and_until_bound_the_time() -> None:
    for day in (1, 2, 3):
        with time_machine.travel(datetime(2024, 3, day, 12, tzinfo=UTC)):
            addressed(f"192.0.2.{day}")
    rows = narrowed(Event.objects.all(), since="2024-03-02", until="2024-03-02")
    assert [event.ip_address for event in rows] == ["192.0.2.2"]
