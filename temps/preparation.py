"""What must be true before anything is served: safe settings, a key that fits, a database of this version."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from secrets_vault.sealing import verify_keyring
from temps.lib.errors import Conflict, Invalid
from temps.lib.files import private_directory


def lock_data_directory() -> TextIO:
    """Hold the data directory for this process, so that two of ``temps up`` do not share it by accident.

    The lock goes with the returned file, however the process ends. Raises :class:`Conflict`.
    """
    directory = private_directory(Path(settings.DATA_DIR))
    file = (directory / "up.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read(16).strip() or "unknown"
        file.close()
        raise Conflict(f"Temps runs already with the data directory {directory} (process {holder})") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def refuse_unsafe_settings() -> None:
    """Run Django's and our own checks. Raises :class:`Invalid` with every error found."""
    errors = [message for message in checks.run_checks() if message.is_serious()]
    if errors:
        raise Invalid("; ".join(f"{message.id}: {message.msg}" for message in errors))


def prepare_database(say: Callable[[str], None]) -> None:
    """Check the key against the data that is there, migrate, and make the key on the very first start.

    The check comes first: a database that cannot be opened is not migrated either.
    """
    if "secrets_vault_datakey" in connection.introspection.table_names():
        verify_keyring()
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        say(f"preparing the database ({len(plan)} migrations)")
        call_command("migrate", interactive=False, verbosity=0)
    verify_keyring()
