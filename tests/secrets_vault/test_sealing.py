"""Custody of the keys, and what a thief or a vandal with access to the database gets: nothing that opens."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from secrets_vault import reading
from secrets_vault.models import Variable, VariableVersion
from secrets_vault.sealing import column, keyring_status, needed_fingerprints, open_sealed, seal, verify_keyring
from secrets_vault.sealing.models import DataKey
from secrets_vault.services import set_variable
from temps.lib.crypto import Key, load_keyring, write_keyring
from temps.lib.errors import KeyUnavailable, SealError
from tests.world import World

HERE = column("app.model", "id_1", "field", 1)


def sealed_variable(world: World, key: str = "API_KEY", value: str = "s3cret-value", **options: Any) -> VariableVersion:
    return set_variable(world.project, key, value, encrypted=True, actor=world.operator, **options).version


def value_of(world: World, key: str = "API_KEY", environment: Any = None) -> str:
    return reading.reveal(world.project, environment, key, actor=world.operator).value


@pytest.mark.promise("S-01")
def test_the_database_holds_nothing_readable(world: World) -> None:
    version = sealed_variable(world)
    version.refresh_from_db()
    assert version.plain is None
    assert b"s3cret" not in bytes(version.sealed or b"")
    assert value_of(world) == "s3cret-value"


@pytest.mark.promise("S-01")
@pytest.mark.parametrize(
    "elsewhere",
    [
        column("app.model", "id_2", "field", 1),
        column("app.model", "id_1", "other", 1),
        column("app.model", "id_1", "field", 2),
        column("app.other", "id_1", "field", 1),
        column("app.model", "id_1", "field", 1, "place"),
    ],
)
def test_a_value_opens_in_its_row_field_and_version_alone(world: World, elsewhere: bytes) -> None:
    sealed = seal("value", project_pk=world.project.pk, context=HERE)
    assert open_sealed(sealed, project_pk=world.project.pk, context=HERE) == b"value"
    with pytest.raises(SealError):
        open_sealed(sealed, project_pk=world.project.pk, context=elsewhere)


@pytest.mark.promise("S-01")
def test_a_value_of_one_project_does_not_open_in_another(world: World) -> None:
    sealed = seal("value", project_pk=world.project.pk, context=HERE)
    for project_pk in (world.other.pk, None):
        with pytest.raises(SealError):
            open_sealed(sealed, project_pk=project_pk, context=HERE)


@pytest.mark.promise("S-06")
def test_an_older_value_put_back_does_not_open(world: World) -> None:
    old = sealed_variable(world, value="old")
    new = sealed_variable(world, value="new")
    VariableVersion.objects.filter(pk=new.pk).update(sealed=old.sealed)
    with pytest.raises(SealError, match="API_KEY in shop does not open"):
        value_of(world)


@pytest.mark.promise("S-01")
def test_a_row_moved_to_another_environment_or_name_does_not_open(world: World) -> None:
    """Whoever may write to the database but reveal in staging alone would otherwise move production's secrets there."""
    variable = sealed_variable(world, environment=world.production).variable
    staging = world.project.environments.get(slug="staging")
    Variable.objects.filter(pk=variable.pk).update(environment=staging)
    with pytest.raises(SealError):
        value_of(world, environment=staging)
    Variable.objects.filter(pk=variable.pk).update(environment=world.production, key="BANNER")
    with pytest.raises(SealError):
        value_of(world, "BANNER", environment=world.production)


@pytest.mark.promise("S-01")
def test_a_data_key_moved_to_another_project_does_not_open(data_dir: Path, world: World) -> None:
    sealed = seal("value", project_pk=world.project.pk, context=HERE)
    DataKey.objects.filter(project=world.project).update(project=world.other)
    with pytest.raises(SealError):
        open_sealed(sealed, project_pk=world.other.pk, context=HERE)


def test_a_truncated_value_does_not_open(world: World) -> None:
    version = sealed_variable(world)
    VariableVersion.objects.filter(pk=version.pk).update(sealed=bytes(version.sealed or b"")[:-1])
    with pytest.raises(SealError):
        value_of(world)


def test_one_value_that_does_not_open_fails_the_whole_environment(world: World) -> None:
    set_variable(world.project, "PLAIN", "1", actor=world.operator)
    version = sealed_variable(world)
    VariableVersion.objects.filter(pk=version.pk).update(sealed=b"")
    with pytest.raises(SealError, match="API_KEY"):
        reading.resolve(world.project, None, actor=world.operator)


@pytest.mark.promise("S-02")
def test_the_keyring_is_made_when_nothing_is_sealed_yet(db: None, data_dir: Path) -> None:
    made = verify_keyring()
    assert (data_dir / "encryption_key").stat().st_mode & 0o777 == 0o600
    assert verify_keyring() == made
    assert keyring_status() == {made.primary.fingerprint: 0}


@pytest.mark.promise("S-02")
@pytest.mark.parametrize("what_happened", ["removed", "replaced"])
def test_a_lost_key_is_named_and_never_replaced(data_dir: Path, world: World, what_happened: str) -> None:
    sealed_variable(world)
    (needed,) = needed_fingerprints()
    path = data_dir / "encryption_key"
    path.unlink()
    if what_happened == "replaced":
        write_keyring(path, [Key.generate()], replace=False)
    for attempt in (verify_keyring, lambda: value_of(world), lambda: sealed_variable(world, value="new")):
        with pytest.raises(KeyUnavailable, match=needed):
            attempt()
    assert path.exists() == (what_happened == "replaced")
    assert VariableVersion.objects.count() == 1


@pytest.mark.promise("S-02")
def test_a_keyring_that_becomes_readable_by_others_is_refused_at_once(data_dir: Path, world: World) -> None:
    sealed_variable(world)
    (data_dir / "encryption_key").chmod(0o644)
    with pytest.raises(KeyUnavailable, match="chmod 600"):
        value_of(world)
    (data_dir / "encryption_key").chmod(0o600)
    assert value_of(world) == "s3cret-value"


def test_without_the_key_not_even_what_is_plain_is_changed(data_dir: Path, world: World) -> None:
    """A change that cannot be recorded does not happen, and an event needs the keyring for its code."""
    sealed_variable(world)
    set_variable(world.project, "PLAIN", "1", actor=world.operator)
    (data_dir / "encryption_key").unlink()
    with pytest.raises(KeyUnavailable):
        set_variable(world.project, "PLAIN", "2", actor=world.operator)
    assert Variable.objects.get(key="PLAIN").versions.count() == 1


def test_a_damaged_keyring_says_where(data_dir: Path, world: World) -> None:
    sealed_variable(world)
    with (data_dir / "encryption_key").open("a") as file:
        file.write("temps-key-1 damaged\n")
    with pytest.raises(KeyUnavailable, match="damaged in line 3"):
        value_of(world)


def test_one_data_key_a_project_and_one_for_the_platform(world: World) -> None:
    for project_pk in (world.project.pk, world.project.pk, world.other.pk, None, None):
        seal("value", project_pk=project_pk, context=HERE)
    assert DataKey.objects.count() == 3


def test_deleting_a_project_destroys_its_data_key(world: World) -> None:
    sealed_variable(world)
    world.project.delete()
    assert not DataKey.objects.exists()


def test_an_environment_opens_with_as_many_queries_however_large_it_is(data_dir: Path, world: World) -> None:
    counts = []
    for size in (3, 30):
        for number in range(size):
            sealed_variable(world, f"KEY_{number}", str(number), environment=world.production)
        with CaptureQueriesContext(connection) as queries:
            assert len(reading.resolve(world.project, world.production, actor=world.operator)) == size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 5


@pytest.mark.promise("S-02")
def test_processes_that_start_at_once_agree_on_one_keyring(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from temps.lib.crypto import *\n"
        "path = Path(sys.argv[1])\n"
        "try: write_keyring(path, [Key.generate()], replace=False)\n"
        "except FileExistsError: pass\n"
        "print(load_keyring(path).primary.fingerprint)"
    )
    path = tmp_path / "encryption_key"

    def start(_number: int) -> str:
        command = [sys.executable, "-c", script, str(path)]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ)).stdout.strip()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(start, range(4))) == {load_keyring(path).primary.fingerprint}
