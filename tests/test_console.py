"""The dashboard: true figures, and none that the reader may not see."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from audit.models import Event
from firewall.services import block
from secrets_vault.services import set_variable
from temps import heartbeat
from tests.world import World


def figures(answer: Any) -> dict[str, int]:
    return {figure.title: figure.value for figure in answer.context["figures"]}


def test_an_administrator_sees_everything_counted(world: World, signed_in: Any, data_dir: Path) -> None:
    set_variable(world.project, "TOKEN", "x", actor=world.operator, encrypted=True)
    block("192.0.2.0/24", actor=world.operator)
    answer = signed_in(world.admin).get("/")
    counted = {"Projects": 2, "People": 8, "Variables": 1, "Firewall rules": 1, "Domains": 0}
    assert figures(answer) == counted
    chart = json.loads(answer.context["activity"])
    assert sum(sum(dataset["data"]) for dataset in chart["datasets"]) == Event.objects.count()


@pytest.mark.promise("R-05")
def test_a_member_sees_their_project_and_no_record_of_others(world: World, signed_in: Any, data_dir: Path) -> None:
    set_variable(world.other, "TOKEN", "x", actor=world.operator)
    answer = signed_in(world.member).get("/")
    assert figures(answer) == {"Projects": 1, "Variables": 0, "Firewall rules": 0, "Domains": 0}
    assert "activity" not in answer.context
    assert "TOKEN" not in answer.content.decode()


def test_someone_without_any_grant_is_shown_an_empty_house(world: World, signed_in: Any) -> None:
    assert figures(signed_in(world.nobody).get("/")) == {"Projects": 0}


def test_an_empty_list_says_so_and_a_search_without_a_match_says_that(world: World, signed_in: Any) -> None:
    client = signed_in(world.admin)
    empty = client.get("/firewall/iprule/").content.decode()
    assert "No IP rules yet" in empty
    assert "/firewall/iprule/add/" in empty
    assert "No projects match" in client.get("/projects/project/?q=nothing-like-it").content.decode()


def test_a_silent_worker_is_said(world: World, signed_in: Any, data_dir: Path) -> None:
    client = signed_in(world.admin)
    assert "The worker has not been heard of" in client.get("/").content.decode()
    heartbeat.beat()
    assert "The worker has not been heard of" not in client.get("/").content.decode()
    os.utime(data_dir / "worker-heartbeat", (1, 1))
    assert "The worker has not been heard of" in client.get("/").content.decode()
