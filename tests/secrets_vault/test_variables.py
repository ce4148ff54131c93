"""Setting, unsetting and reading: what holds where, what stays secret, what is recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from audit.models import Event
from projects.models import Environment
from secrets_vault import reading
from secrets_vault.models import Kind, Variable, VariableVersion
from secrets_vault.services import MAX_IMPORT, import_variables, set_variable, unset_variable
from secrets_vault.values import MAX_VALUE_BYTES
from temps.lib.errors import Conflict, Invalid, NotFound
from tests import world as worlds
from tests.world import World


def put(world: World, key: str, value: str, **options: Any) -> VariableVersion:
    return set_variable(world.project, key, value, actor=world.operator, **options).version


def resolved(world: World, environment: Environment | None = None) -> dict[str, str]:
    return reading.resolve(world.project, environment, actor=world.operator)


def recorded(operation: str) -> list[Any]:
    return [event.metadata for event in Event.objects.filter(operation=operation).order_by("id")]


@pytest.mark.promise("S-05")
def test_an_environment_overrides_the_base(world: World) -> None:
    put(world, "A", "base")
    put(world, "B", "base", encrypted=True)
    put(world, "B", "production", environment=world.production)
    assert resolved(world) == {"A": "base", "B": "base"}
    assert resolved(world, world.production) == {"A": "base", "B": "production"}
    assert resolved(world, world.project.environments.get(slug="staging")) == {"A": "base", "B": "base"}


@pytest.mark.promise("S-05")
def test_an_override_that_is_unset_lets_the_base_through_and_can_be_set_again(world: World) -> None:
    put(world, "A", "base")
    put(world, "A", "here", environment=world.production)
    unset_variable(world.project, "A", environment=world.production, actor=world.operator)
    assert resolved(world, world.production) == {"A": "base"}
    assert put(world, "A", "again", environment=world.production).number == 3
    assert resolved(world, world.production) == {"A": "again"}


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("value", ["", " ", "\n", "a\r\nb\n", "ü€😀", "=#$'\"\\", "x" * MAX_VALUE_BYTES])
def test_a_value_comes_back_exactly(world: World, value: str, encrypted: bool) -> None:
    put(world, "A", value, encrypted=encrypted)
    assert resolved(world) == {"A": value}


@pytest.mark.promise("S-05")
def test_a_secret_becomes_plain_only_when_that_is_said(world: World) -> None:
    assert put(world, "A", "1", encrypted=True).kind == Kind.SECRET
    assert put(world, "A", "2").kind == Kind.SECRET
    unset_variable(world.project, "A", actor=world.operator)
    assert put(world, "A", "3").kind == Kind.SECRET
    assert put(world, "A", "4", environment=world.production).kind == Kind.SECRET
    import_variables(world.project, {"A": "5"}, actor=world.operator)
    assert reading.variable_in(world.project, None, "A", actor=world.operator).is_secret
    assert put(world, "A", "6", encrypted=False).kind == Kind.PLAIN


def test_a_key_may_be_plain_in_one_project_and_secret_in_another(world: World) -> None:
    set_variable(world.other, "A", "1", encrypted=True, actor=world.operator)
    assert put(world, "A", "2").kind == Kind.PLAIN


@pytest.mark.promise("S-06")
def test_every_change_is_a_version_with_who_when_and_why(world: World) -> None:
    owner = worlds.acting(world.owner)
    set_variable(world.project, "A", "1", encrypted=True, actor=owner)
    set_variable(world.project, "A", "2", reason="  rotated\nafter the leak ", actor=owner)
    unset_variable(world.project, "A", reason="gone", actor=owner)
    versions = VariableVersion.objects.order_by("number")
    assert [(v.number, v.kind, v.created_by, v.reason) for v in versions] == [
        (1, "secret", "owner@example.com", ""),
        (2, "secret", "owner@example.com", "rotated after the leak"),
        (3, "unset", "owner@example.com", "gone"),
    ]


@pytest.mark.parametrize("key", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n", "A\0", "A" * 256, "${A}"])
def test_a_key_that_no_process_could_hold_is_refused_and_not_repeated(world: World, key: str) -> None:
    with pytest.raises(Invalid) as caught:
        put(world, key, "value")
    assert caught.value.field == "key"
    assert caught.value.message.startswith("a key has 1 to 255 letters")


@pytest.mark.parametrize("value", ["hunter2\0", "hunter2\udcff", "é" * (MAX_VALUE_BYTES // 2) + "x"])
def test_a_value_that_no_process_could_hold_is_refused_and_not_shown(world: World, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        put(world, "A", value)
    assert caught.value.field == "value"
    assert "hunter2" not in caught.value.message
    assert not Variable.objects.exists()


def test_an_environment_of_another_project_is_refused(world: World) -> None:
    elsewhere = world.other.environments.get(slug="production")
    with pytest.raises(Invalid, match="another project"):
        put(world, "A", "1", environment=elsewhere)
    with pytest.raises(Invalid, match="another project"):
        resolved(world, elsewhere)


def test_a_reason_is_short(world: World) -> None:
    with pytest.raises(Invalid, match="reason"):
        put(world, "A", "1", reason="x" * 201)


def test_what_is_not_there_cannot_be_unset_or_read(world: World) -> None:
    put(world, "A", "1")
    unset_variable(world.project, "A", actor=world.operator)
    for key in ("A", "B"):
        with pytest.raises(NotFound, match=f"{key} is not set in shop"):
            unset_variable(world.project, key, actor=world.operator)
        with pytest.raises(NotFound, match=f"{key} is not set in shop"):
            reading.reveal(world.project, None, key, actor=world.operator)


def test_making_a_variable_does_not_replace_one(world: World) -> None:
    put(world, "A", "1")
    with pytest.raises(Conflict):
        put(world, "A", "2", replace=False)
    unset_variable(world.project, "A", actor=world.operator)
    assert put(world, "A", "2", replace=False).number == 3


@pytest.mark.promise("S-07")
def test_an_import_happens_as_a_whole_or_not_at_all(world: World) -> None:
    put(world, "A", "old")
    with pytest.raises(Invalid, match="the value of C"):
        import_variables(world.project, {"A": "new", "B": "1", "C": "\0"}, actor=world.operator)
    assert resolved(world) == {"A": "old"}
    written = import_variables(world.project, {"B": "1", "A": "new"}, encrypted=True, actor=world.operator)
    assert [(one.version.variable.key, one.is_new) for one in written] == [("A", False), ("B", True)]
    assert resolved(world) == {"A": "new", "B": "1"}


def test_an_import_has_a_size(world: World) -> None:
    for values in ({}, {f"K{n}": "" for n in range(MAX_IMPORT + 1)}):
        with pytest.raises(Invalid):
            import_variables(world.project, values, actor=world.operator)


@pytest.mark.promise("L-01", "L-02")
def test_the_log_names_what_changed_and_holds_no_value(world: World) -> None:
    put(world, "A", "hunter2", encrypted=True, environment=world.production)
    put(world, "A", "hunter3", environment=world.production)
    unset_variable(world.project, "A", environment=world.production, actor=world.operator)
    for operation, version in (("SECRET_CREATE", 1), ("SECRET_UPDATE", 2), ("SECRET_DELETE", 3)):
        (details,) = recorded(operation)
        assert (details["key"], details["environment"], details["version"]) == ("A", "production", version)
    assert "hunter" not in repr([event.as_entry() for event in Event.objects.all()])


@pytest.mark.promise("S-07", "L-01")
def test_every_secret_that_is_revealed_is_recorded_and_plain_values_are_not(world: World) -> None:
    put(world, "A", "1", encrypted=True)
    put(world, "B", "2", encrypted=True)
    put(world, "C", "3")
    shown = reading.reveal_all(world.project, None, actor=world.operator)
    assert {one.key: one.value for one in shown} == {"A": "1", "B": "2", "C": "3"}
    assert [details["key"] for details in recorded("SECRET_REVEAL")] == ["A", "B"]


def test_handing_out_and_exporting_name_every_key_however_many(world: World) -> None:
    keys = [f"{'K' * 240}_{number:03}" for number in range(60)]
    import_variables(world.project, dict.fromkeys(keys, "1"), actor=world.operator)
    resolved(world)
    reading.export(world.project, None, actor=world.operator)
    for operation in ("SECRET_USE", "SECRET_EXPORT"):
        assert [key for details in recorded(operation) for key in details["keys"]] == keys


def test_using_an_empty_environment_is_recorded_too(world: World) -> None:
    assert resolved(world) == {}
    assert [details["keys"] for details in recorded("SECRET_USE")] == [[]]


def test_a_value_is_not_in_what_is_logged_of_an_object(world: World) -> None:
    put(world, "A", "hunter2", encrypted=True)
    assert "hunter2" not in repr(reading.reveal(world.project, None, "A", actor=world.operator))


@pytest.mark.parametrize(
    "change", [{"kind": "plain"}, {"kind": "unset"}, {"plain": "x"}, {"sealed": None}, {"kind": "other"}]
)
def test_the_database_refuses_a_version_that_is_two_things(world: World, change: dict[str, Any]) -> None:
    version = put(world, "A", "1", encrypted=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        VariableVersion.objects.filter(pk=version.pk).update(**change)


def test_the_database_holds_a_key_once_in_each_place(world: World) -> None:
    for environment in (None, world.production):
        Variable.objects.create(project=world.project, environment=environment, key="A")
        with pytest.raises(IntegrityError), transaction.atomic():
            Variable.objects.create(project=world.project, environment=environment, key="A")
    with pytest.raises(IntegrityError), transaction.atomic():
        Variable.objects.create(project=world.project, key="A\n")


@pytest.mark.postgresql  # on SQLite, where tests share one connection, test_processes.py shows it
@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_each_make_a_version() -> None:
    world = worlds.build()

    def write(number: int) -> int:
        try:
            return put(world, "A", str(number), encrypted=True).number
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(write, range(8))) == list(range(1, 9))
    assert len(resolved(world)) == 1
