from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.folding import close_folds, record_denial
from audit.models import Event
from projects.services import create_project
from temps.lib import clock
from temps.lib.errors import Denied
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-05")]


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs ``temps audit logs`` and gives the lines it printed."""

    def run(*arguments: str) -> list[str]:
        capsys.readouterr()
        call_command("audit", "logs", *arguments)
        return capsys.readouterr().out.splitlines()

    return run


def test_the_table_says_when_who_what_and_how_it_went(world: World, logs: Any) -> None:
    create_project("Mine", actor=acting(world.developer))
    head, newest, *_older = logs("--limit", "50")
    assert head.split() == ["TIME", "WHO", "OPERATION", "WHAT", "RESULT", "ADDRESS"]
    who, operation, *what, result, address = newest.split()[2:]
    assert (who, operation, result, address) == ("developer@example.com", "PROJECT_CREATE", "success", "192.0.2.10")
    assert " ".join(what) == "created the project mine"


def test_the_newest_come_first_and_no_more_than_asked_for(world: World, logs: Any) -> None:
    entries = json.loads("\n".join(logs("--limit", "2", "--json")))
    assert entries == [event.as_entry() for event in Event.objects.order_by("-id")[:2]]


def test_the_documented_lines_work(world: World, logs: Any) -> None:
    create_project("Mine", actor=acting(world.admin))
    assert len(logs("--user", "admin@example.com")) == 2
    assert logs("--operation", "DEPLOYMENT_CREATE") == []
    assert len(logs("--project", "mine", "--result", "success", "--since", "2h")) == 2


def test_denials_can_be_listed(world: World, logs: Any) -> None:
    record_denial(Denied("no", actor=acting(world.nobody), permission="secrets:reveal"))
    assert ["nobody@example.com" in line for line in logs("--result", "denied")] == [False, True]


def test_acting_as_someone_shows_what_they_may_see(world: World, logs: Any) -> None:
    entries = json.loads("\n".join(logs("--as", "owner@example.com", "--json")))
    assert {entry["metadata"]["project"] for entry in entries} == {"shop"}
    assert logs("--as", "nobody@example.com") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--operation", "PROJECT_CRETE"), "perhaps PROJECT_CREATE"),
        (("--result", "sucess"), "perhaps success"),
        (("--since", "soon"), "30m"),
        (("--until", "later"), "30m"),
        (("--address", "10.0.0"), "192.0.2.0/24"),
        (("--address", "10.0.0.1/8"), "the network is 10.0.0.0/8"),
        (("--result", "denied", "--result", "success"), "--result is given twice"),
        (("--user", "a@example.com", "--limit", "3", "--user", "b@example.com"), "--user is given twice"),
    ],
)
def test_a_wrong_filter_is_told_in_one_line(world: World, logs: Any, arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        logs(*arguments)


def test_repetitions_are_told_with_their_count(world: World, logs: Any) -> None:
    denied = Denied("no", actor=acting(world.nobody), permission="secrets:reveal")
    with time_machine.travel(clock.now() - timedelta(hours=1)):
        for _ in range(42):
            record_denial(denied)
    close_folds()
    _head, last, first = logs("--result", "denied,failure", "--user", "nobody@example.com")
    assert " no … 41 more times " in last
    assert " no  " in first


def test_address_resource_request_and_until_are_asked_for_as_in_the_api(world: World, logs: Any) -> None:
    create_project("Mine", actor=acting(world.admin))
    asked = ("--address", "192.0.2.0/24", "--resource", "project:mine", "--request", "test-request")
    assert len(logs(*asked)) == 2
    assert logs(*asked, "--until", "1h") == []
