from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection

from firewall import current as room
from firewall.current import CurrentPolicy
from firewall.models import IpRule, PolicyVersion
from firewall.publishing import KEPT_VERSIONS, NOTICE, announce, newest_policy
from firewall.services import block, reconcile, remove_rule, set_header_preset
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.client_ip import parse_address
from tests.world import World


def refuses(policy: Any, address: str) -> bool:
    return bool(policy.judge(parse_address(address), None, clock.now()).blocked)


def test_every_change_is_a_version_and_nothing_else_is(world: World) -> None:
    rule = block("203.0.113.0/24", actor=world.operator)
    set_header_preset("strict", actor=world.operator)
    remove_rule(rule, actor=world.operator)
    assert list(PolicyVersion.objects.values_list("version", flat=True)) == [2, 1]


@pytest.mark.promise("F-03")
def test_the_notice_file_is_replaced_after_the_commit_alone(
    world: World, data_dir: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        block("203.0.113.0/24", actor=world.operator)
        assert not (data_dir / NOTICE).exists()
    first = (data_dir / NOTICE).stat().st_ino
    announce()
    assert (data_dir / NOTICE).stat().st_ino != first
    assert {path.name for path in data_dir.iterdir()} == {NOTICE, "encryption_key"}  # and no draft is left


@pytest.mark.promise("F-03")
def test_a_new_notice_is_followed_at_once(world: World, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK_SECONDS", 3600.0)
    process = CurrentPolicy()
    assert not refuses(process.get(), "203.0.113.1")
    block("203.0.113.0/24", actor=world.operator)
    assert not refuses(process.get(), "203.0.113.1")
    announce()
    assert refuses(process.get(), "203.0.113.1")


@pytest.mark.promise("F-03")
def test_without_a_notice_the_database_is_asked(world: World) -> None:
    process = CurrentPolicy()
    process.get()
    block("203.0.113.0/24", actor=world.operator)
    assert refuses(process.get(), "203.0.113.1")


def test_a_data_directory_that_cannot_be_written_stops_nothing(world: World, settings: Any) -> None:
    settings.DATA_DIR = Path("/proc/nowhere")
    announce()
    assert CurrentPolicy().get() is not None


@pytest.mark.promise("F-11")
def test_the_last_good_policy_stays_while_the_database_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    process = CurrentPolicy()
    block("203.0.113.0/24", actor=world.operator)
    process.get()

    def away(*_arguments: Any) -> Any:
        raise DatabaseError

    with connection.execute_wrapper(away):
        assert refuses(process.get(), "203.0.113.1")
        assert CurrentPolicy().get() is None


@pytest.mark.parametrize("document", ["{}", '{"format":1,"headers":"strict","limits":[],"rules":[]}', "no json"])
def test_a_document_that_was_tampered_with_is_not_followed(world: World, document: str) -> None:
    process = CurrentPolicy()
    block("203.0.113.0/24", actor=world.operator)
    process.get()
    block("198.51.100.0/24", actor=world.operator)
    PolicyVersion.objects.filter(version=2).update(document=document)
    assert refuses(process.get(), "203.0.113.1")


def test_a_restored_backup_with_the_same_number_is_followed(world: World) -> None:
    process = CurrentPolicy()
    block("203.0.113.0/24", actor=world.operator)
    process.get()
    IpRule.objects.all().delete()
    PolicyVersion.objects.all().delete()
    block("198.51.100.0/24", actor=world.operator)
    assert newest_policy().version == 1
    assert not refuses(process.get(), "203.0.113.1")


def test_old_versions_are_pruned(world: World) -> None:
    for index in range(KEPT_VERSIONS + 3):
        block(f"10.0.0.{index}", actor=world.operator)
    reconcile(actor=Actor.system("firewall.reconcile"))
    kept = list(PolicyVersion.objects.values_list("version", flat=True))
    assert kept == list(range(KEPT_VERSIONS + 3, 3, -1))


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_changes_at_the_same_moment_all_hold() -> None:
    start = threading.Barrier(8)

    def change(index: int) -> None:
        try:
            start.wait()
            block(f"10.0.0.{index}", actor=Actor.operator())
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(refuses(newest_policy(), f"10.0.0.{index}") for index in range(8))
    assert list(PolicyVersion.objects.values_list("version", flat=True)) == list(range(8, 0, -1))


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_one_network_blocked_twice_at_the_same_moment_is_one_rule() -> None:
    start, refused = threading.Barrier(2), []

    def change() -> None:
        from temps.lib.errors import Conflict

        try:
            start.wait()
            block("10.0.0.1", actor=Actor.operator())
        except Conflict as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert IpRule.objects.count() == 1
    assert len(refused) == 1
